"""Several processes on one database, and processes that are killed in the middle of it."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from store_rows import decision, half_written, ids, tables, whole

from chalicelib.store import Store

# Saves decisions as fast as it can, and says each id when it is stored.
WRITER = """
import sys
from chalicelib.store import Store
from store_rows import decision, whole
store, count = Store(sys.argv[1]), int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
while count:
    row = decision()
    store.save(whole(row))
    print(row["id"], flush=True)
    count -= 1
"""

# Opens each file that it is told of, and saves one decision there.
OPENER = """
import sys
from chalicelib.store import Store
from store_rows import decision, whole
print("ready", flush=True)
for url in sys.stdin:
    try:
        row = decision()
        Store(url.strip()).save(whole(row))
        print(row["id"], flush=True)
    except Exception as error:
        print("failed:", repr(error), repr(error.__cause__), flush=True)
"""


def start(script: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def tell(process: subprocess.Popen[str], line: str = "go") -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_writer_leaves_every_answered_decision_whole_and_no_other_half(database_url: str, seed: int) -> None:
    writer = start(WRITER, database_url, "-1")
    tell(writer)
    time.sleep(random.Random(seed).uniform(0.005, 0.15))
    writer.send_signal(signal.SIGKILL)
    answered = set(writer.communicate()[0].split())
    if has_tables(database_url):
        assert half_written(database_url) == {}
        assert answered <= ids(database_url)
        assert len(ids(database_url) - answered) <= 1  # stored, and killed before it could say so
    else:
        assert answered == set()  # killed before the schema was there
    survivor = start(WRITER, database_url, "5")
    assert len(survivor.communicate("go\n")[0].split()) == 5
    assert half_written(database_url) == {}


def has_tables(database_url: str) -> bool:
    """A schema is not half made either."""
    return database_url.startswith("postgresql") or bool(tables(Path(database_url.removeprefix("sqlite:///"))))


def test_two_processes_write_at_once_and_lose_nothing(database_url: str) -> None:
    writers = [start(WRITER, database_url, "200") for _ in range(2)]
    for writer in writers:
        tell(writer)
    written = [set(writer.communicate()[0].split()) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert [len(mine) for mine in written] == [200, 200]
    assert ids(database_url) == written[0] | written[1]
    assert half_written(database_url) == {}


def test_processes_that_start_at_once_on_an_empty_file_share_one_schema(tmp_path: Path) -> None:
    openers = [start(OPENER) for _ in range(3)]
    for number in range(20):
        database = tmp_path / f"{number}.db"
        for opener in openers:
            tell(opener, f"sqlite:///{database}")
        answers = [opener.stdout.readline().strip() for opener in openers if opener.stdout]
        assert ids(database) == set(answers), answers
        assert half_written(database) == {}
    for opener in openers:
        opener.communicate()


def test_a_store_waits_for_another_process_that_is_just_creating_the_file(tmp_path: Path) -> None:
    """The other is in its first transaction, before the file is in WAL mode."""
    database = tmp_path / "decisions.db"
    other = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, other.execute, ["COMMIT"]).start()
    store = Store(f"sqlite:///{database}")
    row = decision()
    store.save(whole(row))
    assert store.get(row["id"]) == row
