"""The store is down: the caller is told to come back, and nothing is half-written."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from api_client import InProcess, MakeApi, Reply, count_rows

from chalicelib.store import Store

OK = {"user_id": "u-1", "amount": 1.0}
NOWHERE = "/v1/decisions/01a20901-1225-7b1d-a4ef-1cbad7369f76"
LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


def check_unavailable(*replies: Reply) -> None:
    for reply in replies:
        assert reply.status == 503, reply.content
        assert reply.json["type"] == "urn:artemis:problem:store-unavailable"
        assert int(reply.headers["retry-after"]) > 0
        for inner in ("sqlite", "SELECT", "INSERT", "decisions"):
            assert inner not in reply.content.decode()


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write anywhere, so file permissions are tried as nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that anybody may read and nobody may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        yield Path(folder)
        Path(folder).chmod(0o755)


def test_a_file_that_is_no_database(api: InProcess) -> None:
    content = b"this is the shopping list, not a database\n" * 100
    api.database.write_bytes(content)
    check_unavailable(api.decide("refund-check", OK), api.get(NOWHERE), api.get("/ready"))
    assert api.get("/health").status == 200
    assert api.database.read_bytes() == content


def test_a_folder_where_the_file_should_be(api: InProcess) -> None:
    api.database.mkdir()
    check_unavailable(api.decide("refund-check", OK), api.get(NOWHERE), api.get("/ready"))
    api.database.rmdir()
    assert api.decide("refund-check", OK).status == 200  # it is back without a restart


@pytest.mark.parametrize("below", ["decisions.db", "new/decisions.db"], ids=["the folder", "a folder to be made"])
def test_a_folder_that_cannot_be_written(make_api: MakeApi, api: InProcess, readable: Path, below: str) -> None:
    assert api.decide("refund-check", OK).status == 200  # everything is imported before privileges go
    api.service.store = make_api(url=f"sqlite:///{readable / below}").service.store
    with unprivileged():
        replies = [api.decide("refund-check", OK), api.get("/ready")]
    for reply in replies:
        assert reply.status == 503, reply.content
        assert int(reply.headers.get("retry-after", 0)) > 0, reply.content
        assert str(readable) not in reply.content.decode()
    assert list(readable.iterdir()) == []


def test_a_database_that_is_read_only_still_answers_what_was_decided(
    make_api: MakeApi, api: InProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = api.decide("refund-check", OK)
    monkeypatch.chdir(tmp_path)
    frozen = make_api(url=f"sqlite:///file:{api.database}?mode=ro&uri=true")
    check_unavailable(frozen.decide("refund-check", OK))
    assert api.rows() == (1, 2)
    read = frozen.get(made.headers["location"])
    assert (read.status, read.content) == (200, made.content)


def test_a_database_address_that_is_a_file_uri_makes_no_folder_of_that_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Store(f"sqlite:///file:{tmp_path}/decisions.db?uri=true").ping()
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == set()


class Impatient(sqlite3.Connection):
    """A connection that waits for a lock no longer than a moment, whatever it is told."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        return super().execute(re.sub(r"busy_timeout *= *\d+", "busy_timeout=200", sql), *parameters)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, api: InProcess) -> InProcess:
    monkeypatch.setattr(sqlite3.dbapi2, "connect", partial(sqlite3.dbapi2.connect, factory=Impatient))
    return api


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process is in the middle of a write."""
    holder = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    try:
        yield
    finally:
        holder.communicate()


def test_a_database_that_another_process_locks_too_long(impatient: InProcess) -> None:
    made = impatient.decide("refund-check", OK)
    with locked(impatient.database):
        check_unavailable(impatient.decide("refund-check", OK))
        assert impatient.get(made.headers["location"]).status == 200  # readers do not wait for writers
        assert count_rows(impatient.database) == (1, 2)
    assert impatient.decide("refund-check", OK).status == 200
    assert impatient.rows() == (2, 4)


def test_a_database_that_is_locked_from_the_start(impatient: InProcess) -> None:
    sqlite3.connect(impatient.database).close()
    with locked(impatient.database):
        check_unavailable(impatient.decide("refund-check", OK), impatient.get("/ready"))
    assert impatient.decide("refund-check", OK).status == 200


def test_tables_that_are_gone(impatient: InProcess) -> None:
    impatient.decide("refund-check", OK)
    with sqlite3.connect(impatient.database) as connection:
        connection.execute("DROP TABLE task_results")
    check_unavailable(impatient.decide("refund-check", OK))
    with sqlite3.connect(impatient.database) as connection:
        assert connection.execute("SELECT count(*) FROM decisions").fetchone() == (1,)


def test_a_failed_decision_that_cannot_be_stored_is_unavailable_too(api: InProcess) -> None:
    """It is not said to be recorded when it is not."""
    api.database.mkdir()
    reply = api.decide("trouble", {"user_id": "u", "mode": "logic-raises"})
    check_unavailable(reply)
    assert "decision_id" not in reply.json
