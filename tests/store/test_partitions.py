"""PostgreSQL's partitions: there in time, dropped as a whole, and nobody is kept waiting or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from erasing_rows import NOW, challenge, claim, counts, ids, label, save
from sqlalchemy import event, text

from chalicelib.store import Store
from chalicelib.store.database import Database, open_engine
from workbench.retention import dropping, locks
from workbench.retention import partitions as module
from workbench.retention.locks import change
from workbench.retention.partitions import MONTHS_AHEAD, Ensured, Month, ensure_partitions, months_of, partitions
from workbench.retention.purging import purge

LAST_YEAR = datetime(2025, 11, 15, tzinfo=UTC)
OLD = Month.of(LAST_YEAR)
BEFORE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database(new_postgres: Callable[[], str]) -> Iterator[Database]:
    opened = Database(new_postgres())
    yield opened
    opened.close()


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    opened = Store(database.engine.url.render_as_string(hide_password=False))
    yield opened
    opened.close()


def months(database: Database) -> list[str]:
    with database.read() as connection:
        return [str(month) for month in months_of(connection)]


def rows(database: Database, table: str) -> int:
    with database.read() as connection:
        found: int = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    return found


def test_a_month_has_bounds_that_meet() -> None:
    november, december = Month(2026, 11), Month(2026, 12)
    assert november.next == december
    assert december.next == Month(2027, 1)
    assert november.bounds[1] == december.bounds[0]
    assert Month.named(november.of_table("task_results")) == november
    assert Month.named("task_results_default") is None


def test_an_upgraded_database_has_this_month_and_the_next(database: Database) -> None:
    with database.read() as connection:
        found = partitions(connection, NOW)
    assert found is not None
    assert found.ready == MONTHS_AHEAD + 1
    assert found.in_default == {"decisions": 0, "task_results": 0, "paid_answers": 0}


def test_months_are_made_once(database: Database) -> None:
    there = months(database)
    assert ensure_partitions(database.engine, NOW) == Ensured([], 0, [])
    later = ensure_partitions(database.engine, NOW, MONTHS_AHEAD + 2)
    assert len(later.made) == 2
    assert months(database) == there + later.made


def test_what_has_no_month_is_not_refused_and_is_reported(store: Store, database: Database) -> None:
    save(store, LAST_YEAR)
    save(store, NOW)
    with database.read() as connection:
        found = partitions(connection, NOW)
    assert found is not None
    assert found.in_default == {"decisions": 1, "task_results": 2, "paid_answers": 1}
    with database.read() as connection:
        later = partitions(connection, NOW + timedelta(days=400))
    assert later is not None
    assert later.ready == 0


def test_what_lies_in_the_default_partition_is_moved_with_its_labels(store: Store, database: Database) -> None:
    of_month, other = save(store, LAST_YEAR), save(store, LAST_YEAR - timedelta(days=60))
    for decision_id in (of_month, other):
        label(store, decision_id)
    before, shown = counts(store), store.get(of_month)
    assert ensure_partitions(database.engine, LAST_YEAR, 0) == Ensured([str(OLD)], 1, [])
    assert counts(store) == before
    assert store.get(of_month) == shown
    assert [rows(database, OLD.of_table(table)) for table in module.PARTITIONED] == [1, 2, 1]
    assert rows(database, "decisions_default") == 1


def test_more_than_can_be_moved_at_once_stays(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_MOVED", 1)
    save(store, LAST_YEAR), save(store, LAST_YEAR)
    assert ensure_partitions(database.engine, LAST_YEAR, 0) == Ensured([], 0, [str(OLD)])
    assert counts(store)["decisions"] == 2
    assert str(OLD) not in months(database)


def test_a_crowded_default_partition_is_not_read_while_writers_wait(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL says so itself; and the constraints that tell it are gone afterwards."""
    monkeypatch.setattr(module, "MANY", 1)
    save(store, LAST_YEAR)
    months_ahead, said = MONTHS_AHEAD + 1, list[str]()

    def hear(connection: object, _record: object) -> None:
        connection.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))  # type: ignore[attr-defined]
        connection.execute("SET client_min_messages = debug1")  # type: ignore[attr-defined]
        connection.commit()  # type: ignore[attr-defined]

    engine = open_engine(database.engine.url.render_as_string(hide_password=False))
    event.listen(engine, "connect", hear)
    assert len(ensure_partitions(engine, NOW, months_ahead).made) == 1
    engine.dispose()
    implied = [line for line in said if "implied by existing constraints" in line and "_default" in line]
    assert len(implied) == 3, said
    save(store, datetime.now(UTC) + timedelta(days=31 * (months_ahead + 2)))
    constraints = "SELECT count(*) FROM pg_constraint WHERE conname LIKE 'not_2%'"
    with database.read() as connection:
        assert connection.execute(text(constraints)).scalar_one() == 0


def test_a_month_that_is_over_is_dropped(store: Store, database: Database) -> None:
    ensure_partitions(database.engine, LAST_YEAR, 0)
    for _ in range(3):
        decision_id = save(store, LAST_YEAR)
        label(store, decision_id)
        challenge(store, decision_id)
        claim(store, decision_id, LAST_YEAR + timedelta(days=1))
    kept = save(store, NOW)
    done = purge(database, BEFORE, NOW)
    assert (done.dropped, done.problems) == ([str(OLD)], [])
    expected = {"decisions": 3, "task_results": 6, "paid_answers": 3, "labels": 3, "label_samples": 3}
    expected["challenger_decisions"] = 3
    assert dict(done.rows) == {**expected, "idempotency": 3, "claimed_facts": 3}
    assert ids(store) == {kept}
    assert str(OLD) not in months(database)


def test_a_month_that_is_not_over_loses_what_is_too_old(store: Store, database: Database) -> None:
    ensure_partitions(database.engine, LAST_YEAR, 0)
    save(store, LAST_YEAR - timedelta(days=1))
    kept = save(store, LAST_YEAR + timedelta(days=2))
    done = purge(database, LAST_YEAR, NOW)
    assert (done.dropped, done.rows["decisions"]) == ([], 1)
    assert ids(store) == {kept}


def test_what_was_detached_when_a_purge_was_killed_is_dropped_by_the_next(store: Store, database: Database) -> None:
    ensure_partitions(database.engine, LAST_YEAR, 0)
    save(store, LAST_YEAR)
    change(database.engine, lambda connection: dropping._detach(connection, OLD))
    assert counts(store) == {}, "gone for everybody, with its facts"
    assert rows(database, OLD.of_table("decisions")) == 1
    purge(database, BEFORE, NOW)
    with database.read() as connection:
        assert connection.execute(text(f"SELECT to_regclass('{OLD.of_table('decisions')}')")).scalar_one() is None


def test_tables_that_are_never_free_are_said_and_the_rest_is_purged(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_partitions(database.engine, LAST_YEAR, 0)
    save(store, LAST_YEAR)
    monkeypatch.setattr(locks, "ATTEMPTS", 2)
    with store.database.begin() as connection:
        connection.execute(text("SELECT 1 FROM decisions LIMIT 1"))
        done = purge(database, BEFORE, NOW)
    assert done.dropped == []
    assert "in use" in done.problems[0]
    assert done.rows["decisions"] >= 1
    assert counts(store) == {}


def test_decisions_are_taken_while_months_come_and_go(store: Store, database: Database) -> None:
    """And labels, which refer to decisions from another table."""
    ended, written, failed = Event(), set[str](), list[Exception]()

    def write() -> None:
        while not ended.is_set():
            try:
                decision_id = save(store, NOW)
                label(store, decision_id)
                written.add(decision_id)
            except Exception as error:
                failed.append(error)
                return

    writers = [Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            ensure_partitions(database.engine, LAST_YEAR - timedelta(days=100), 4)
            assert len(purge(database, BEFORE, NOW).dropped) == 5
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    assert failed == []
    assert ids(store) == written


def test_sqlite_has_none(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/decisions.db")
    assert ensure_partitions(database.engine, NOW) == Ensured([], 0, [])
    with database.read() as connection:
        assert partitions(connection, NOW) is None
    database.close()
