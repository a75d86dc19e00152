"""What is SQLite's own: how its connections are set up, its file, and that it makes its schema itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from store_rows import FACTS, TABLES, decision, tables, whole

from chalicelib.errors import SettingsError, Unavailable
from chalicelib.store import Store


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "new" / "folder" / "decisions.db"


@pytest.fixture
def store(database: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{database}")
    yield opened
    opened.close()


def save(store: Store, **changes: Any) -> str:
    row = decision(**changes)
    store.save(whole(row))
    return str(row["id"])


def test_the_schema_and_its_folder_create_themselves(store: Store, database: Path) -> None:
    store.ping()
    assert tables(database) == TABLES


@dataclass
class Traffic:
    """What reaches SQLite itself: every connection, and every statement as it is executed."""

    connections: list[sqlite3.Connection]
    statements: list[str]


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    seen = Traffic([], [])
    connect = sqlite3.dbapi2.connect

    def watched(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **{**options, "check_same_thread": False})
        connection.set_trace_callback(seen.statements.append)
        seen.connections.append(connection)
        return connection

    monkeypatch.setattr(sqlite3.dbapi2, "connect", watched)
    return seen


def test_every_connection_is_durable_and_patient(store: Store, traffic: Traffic) -> None:
    """WAL with synchronous=NORMAL (1) loses no commit when a process is killed."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.get(save(store)), range(20)))
    assert traffic.connections
    for connection in traffic.connections:
        setting = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
        assert setting["journal_mode"] == "wal"
        assert setting["synchronous"] >= 1
        assert setting["foreign_keys"] == 1
        assert setting["busy_timeout"] >= 1000


def test_a_write_is_one_transaction_that_takes_its_lock_at_the_beginning(store: Store, traffic: Traffic) -> None:
    """One that reads first and locks later fails at once when another was faster."""
    save(store)
    traffic.statements.clear()
    decision_id = save(store)
    words = [" ".join(statement.split()[:3]) for statement in traffic.statements]
    assert words == ["BEGIN IMMEDIATE", "INSERT INTO decisions", *["INSERT INTO task_results"] * FACTS, "COMMIT"]
    traffic.statements.clear()
    assert store.get(decision_id)
    assert store.results(decision_id)
    assert not [statement for statement in traffic.statements if "IMMEDIATE" in statement]  # readers take no lock


def test_a_database_of_somebody_else_is_not_taken_over(database: Path) -> None:
    """Tables that happen to be there are not ours: no column of them fits."""
    database.parent.mkdir(parents=True)
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE decisions (id TEXT, what TEXT)")
    store = Store(f"sqlite:///{database}")
    with pytest.raises((SettingsError, Unavailable)):
        save(store)


def test_the_store_comes_back_when_its_file_does(database: Path) -> None:
    database.mkdir(parents=True)
    store = Store(f"sqlite:///{database}")
    with pytest.raises(Unavailable) as down:
        store.ping()
    assert int(down.value.headers["Retry-After"]) > 0
    database.rmdir()
    assert store.get(save(store)) is not None


def test_a_commit_that_fails_leaves_no_transaction_open(store: Store, database: Path) -> None:
    """It would hold the file's only lock for as long as its connection waits in the pool."""
    label = "INSERT INTO labels VALUES ('a', 'no decision', 'pay', 'b', NULL, 'c', '2026-11-26')"
    with pytest.raises(Unavailable), store.database.begin() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))  # what is wrong is seen at COMMIT
        connection.execute(text(label))
    with sqlite3.connect(database, timeout=0) as other:
        other.execute("BEGIN IMMEDIATE")
        other.rollback()
    with store.database.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM labels")).scalar_one() == 0
