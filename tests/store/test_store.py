"""The store: a decision and its facts, together or not at all."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from store_rows import FACTS, TABLES, decision, facts, half_written, ids, tables, whole

from chalicelib.errors import SettingsError, Unavailable
from chalicelib.rows import Record
from chalicelib.store import Store

SEOUL = timezone(timedelta(hours=9))


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


def test_what_is_saved_is_read_back(store: Store) -> None:
    row = decision()
    store.save(whole(row))
    assert store.get(row["id"]) == row
    assert store.get(row["id"].upper()) is None


def test_facts_come_in_the_order_in_which_their_tasks_started(store: Store) -> None:
    decision_id = save(store)
    assert [fact["task"] for fact in store.results(decision_id)] == ["task_2", "task_1", "task_0"]
    assert sorted(store.results(decision_id), key=lambda fact: fact["task"]) == facts(decision_id)


def test_a_decision_without_tasks_has_no_facts(store: Store) -> None:
    row = decision()
    store.save(whole(row, 0))
    assert store.get(row["id"]) == row
    assert store.results(row["id"]) == []


@pytest.mark.parametrize("zone", [UTC, SEOUL, timezone(timedelta(hours=-3, minutes=-30))], ids=str)
def test_times_are_read_back_as_aware_utc(store: Store, zone: timezone) -> None:
    written = datetime(2026, 3, 29, 1, 30, 15, 123456, tzinfo=zone)
    found = store.get(save(store, created_at=written))
    assert found is not None
    assert found["created_at"] == written
    assert found["created_at"].tzinfo is UTC


def test_a_bad_fact_takes_its_decision_along(store: Store, database: Path) -> None:
    """The facts are written last, so this fails after the decision was."""
    kept = save(store)
    row = decision()
    twice = facts(row["id"]) + facts(row["id"], 1)
    with pytest.raises(Unavailable):
        store.save(Record(row, twice))
    assert ids(database) == {kept}
    assert half_written(database) == {}
    assert store.get(save(store)) is not None


def test_a_decision_is_not_overwritten(store: Store, database: Path) -> None:
    first = decision(outcome="pay")
    store.save(whole(first))
    with pytest.raises(Unavailable):
        store.save(whole(decision(id=first["id"], outcome="review"), 0))
    assert store.get(first["id"]) == first
    assert half_written(database) == {}


def test_a_fact_of_no_decision_is_refused(store: Store, database: Path) -> None:
    row = decision()
    with pytest.raises(Unavailable):
        store.save(Record(row, facts("01a20901-1225-7b1d-a4ef-1cbad7369f76")))
    assert ids(database) == set()


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


def test_eight_threads_write_and_read_without_getting_in_each_others_way(store: Store, database: Path) -> None:
    def work(_: int) -> set[str]:
        mine = set()
        for _ in range(100):
            mine.add(save(store))
            found = store.get(max(mine))
            assert found is not None
            assert len(store.results(found["id"])) == FACTS
        return mine

    with ThreadPoolExecutor(8) as pool:
        written = set().union(*pool.map(work, range(8)))
    assert len(written) == 800
    assert ids(database) == written
    assert half_written(database) == {}


def test_a_schema_of_another_version_is_refused_and_left_alone(store: Store, database: Path) -> None:
    save(store)
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA user_version = 99")
    other = Store(f"sqlite:///{database}")
    with pytest.raises(SettingsError) as refused:
        other.ping()
    assert "99" in str(refused.value)
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


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


def test_text_is_stored_as_it_is(store: Store, database: Path) -> None:
    request = json.dumps({"note": "한국어 🙂 \"quoted\" 'single' %s ? :name"}, ensure_ascii=False)
    decision_id = save(store, request=request)
    found = store.get(decision_id)
    assert found is not None
    assert found["request"] == request
