"""SQLite in trouble, as a caller of the service sees it; what tests/api/test_store_unavailable.py does not have."""

from __future__ import annotations

import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from store_checks import ASKED, LOGGED, Watch, down, whole, works
from store_project import Shop

from chalicelib.errors import Unavailable
from chalicelib.rows import Record
from tests.store.store_rows import decision, facts

MOST = 10.0  # seconds; the answers' bound
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "decisions.db"


@pytest.fixture
def shop(database: Path, new_shop: Callable[[str], Shop]) -> Shop:
    return new_shop(f"sqlite:///{database}")


def count(database: Path) -> int:
    return len(whole(f"sqlite:///{database}"))


@contextmanager
def no_room(database: Path) -> Iterator[None]:
    """No file may grow past what the log of the database has now: writes fail as on a full disk."""
    before, limit = resource.getrlimit(resource.RLIMIT_FSIZE), database.with_name(f"{database.name}-wal").stat().st_size
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_the_disk_is_full(shop: Shop, database: Path, said: Callable[[], str]) -> None:
    made = works(shop)
    with no_room(database), down(shop, made, MOST, reading=True):
        assert count(database) == 1
    works(shop)
    assert count(database) == 2
    assert not [secret for secret in LOGGED if secret in said()]


def test_the_file_has_reached_its_size(shop: Shop, database: Path) -> None:
    """What does not fit leaves nothing behind; the connection that says so is given up with its limit."""
    works(shop)
    with shop.store.database.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    stored = 0
    while (reply := shop.api.decide("paid-twice", ASKED | {"note": "가" * 3000})).status == 200:
        stored += 1
        assert stored < 200
    reply.problem(503, "store-unavailable")
    assert count(database) == 1 + stored
    works(shop)
    assert count(database) == 2 + stored


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_another_process_holds_the_lock(shop: Shop, database: Path, lock: str) -> None:
    made = works(shop)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database), lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with down(shop, made, MOST, reading=True) as watch:
        assert 4 < watch.took[0] < MOST
        holder.communicate()
    works(shop)
    assert count(database) == 2


def test_the_file_becomes_read_only_for_this_process(shop: Shop, database: Path) -> None:
    made = works(shop)
    with shop.store.database.read() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with down(shop, made, MOST, reading=True):
        assert count(database) == 1
    # the connection that could not write was given up
    works(shop)
    assert count(database) == 2


def test_the_file_is_replaced_by_an_older_one_of_another_schema(shop: Shop, database: Path) -> None:
    """A backup that does not fit is no reason for a 500, nor for writing into it."""
    works(shop)
    shop.close()
    database.unlink()
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE decisions (id TEXT PRIMARY KEY)")
    Watch().unavailable(lambda: shop.api.decide("paid-twice", ASKED), MOST)
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM decisions").fetchone() == (0,)


def test_a_write_that_failed_holds_up_no_other(shop: Shop, database: Path) -> None:
    """Its connection is closed, but SQLite keeps the lock as long as a traceback refers to a statement."""
    works(shop)
    row = decision()
    with pytest.raises(Unavailable) as failed:
        shop.store.save(Record(row, facts(row["id"], 1) * 2))
    other = sqlite3.connect(database, timeout=0.2, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.close()
    assert failed.value.__cause__ is not None
    assert count(database) == 1
