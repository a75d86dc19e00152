"""Which schemas the store works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from old_schemas import described, write_old
from sqlalchemy import event, inspect
from store_rows import decision, whole

from chalicelib.errors import SettingsError
from chalicelib.store import Store
from chalicelib.store.database import open_engine
from chalicelib.store.schema import SCHEMA_VERSION, prepare
from workbench.drift import drift
from workbench.migrate import upgrade


@contextmanager
def opened(url: str) -> Iterator[Store]:
    store = Store(url)
    yield store
    store.close()


def run(url: str, *statements: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def works(url: str) -> bool:
    row = decision()
    with opened(url) as store:
        store.save(whole(row))
        return store.get(row["id"]) == row


def refusal(url: str) -> str:
    with opened(url) as store, pytest.raises(SettingsError) as refused:
        store.ping()
    (problem,) = refused.value.problems
    return problem


def test_a_file_made_from_the_tables_is_as_one_made_by_the_migrations(tmp_path: Path) -> None:
    found = []
    for name in ("made", "migrated"):
        url = f"sqlite:///{tmp_path}/{name}.db"
        if name == "made":
            works(url)
        engine = open_engine(url)
        if name == "migrated":
            upgrade(engine)
        with engine.connect() as connection:
            found.append(described(connection))
            assert drift(connection) == []
        engine.dispose()
    assert found[0] == found[1]


def test_postgresql_as_migrated_is_as_declared(new_postgres: Callable[[], str]) -> None:
    engine = open_engine(new_postgres())
    with engine.connect() as connection:
        assert drift(connection) == []
    engine.dispose()


def test_a_schema_that_is_too_old_is_refused_and_it_is_said_what_to_do(database_url: str) -> None:
    assert works(database_url)
    run(database_url, f"UPDATE schema_version SET version = {SCHEMA_VERSION - 1}")
    problem = refusal(database_url)
    assert f"schema {SCHEMA_VERSION - 1}, and this version needs {SCHEMA_VERSION}" in problem
    assert "artemis db upgrade" in problem


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_of_a_version_before_schemas_were_numbered_is_refused(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.db"
    url = write_old(version, path)
    before = path.read_bytes()
    assert f"schema {version}," in refusal(url)
    assert "artemis db upgrade" in refusal(url)
    assert path.read_bytes()[100:] == before[100:]  # its header says that it is in WAL mode now


def test_a_newer_schema_that_suits_is_worked_with(database_url: str) -> None:
    """As it is after a rollback of the software: a column more, which has a default."""
    assert works(database_url)
    run(
        database_url,
        f"UPDATE schema_version SET version = {SCHEMA_VERSION + 1}, compatible_from = {SCHEMA_VERSION}",
        "ALTER TABLE decisions ADD COLUMN mood VARCHAR(10)",
        "ALTER TABLE task_results ADD COLUMN weight INTEGER DEFAULT 7 NOT NULL",
        "CREATE TABLE added (id INTEGER PRIMARY KEY)",
    )
    row = decision()
    with opened(database_url) as store:
        store.save(whole(row))
        found = store.get(row["id"])
        assert found is not None
        assert {**found, "mood": None} == {**row, "mood": None}
        assert len(store.results(row["id"])) == 3


def test_a_newer_schema_that_does_not_suit_is_refused(database_url: str) -> None:
    assert works(database_url)
    newer = SCHEMA_VERSION + 2
    run(database_url, f"UPDATE schema_version SET version = {newer}, compatible_from = {newer - 1}")
    problem = refusal(database_url)
    assert f"schema {newer}" in problem
    assert f"schema {newer - 1} or later" in problem
    assert "upgrade" not in problem


def test_somebody_elses_database_is_refused_and_left_alone(tmp_path: Path, new_postgres: Callable[[], str]) -> None:
    empty = new_postgres()
    run(empty, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    for url in (f"sqlite:///{tmp_path}/theirs.db", empty):
        run(url, "CREATE TABLE customers (id INTEGER PRIMARY KEY)")
        assert "no schema of Artemis" in refusal(url)
        engine = open_engine(url)
        with engine.connect() as connection:
            assert inspect(connection).get_table_names() == ["customers"]
        engine.dispose()


def test_an_empty_postgresql_is_not_filled_by_the_service(new_postgres: Callable[[], str]) -> None:
    url = new_postgres()
    run(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    assert "artemis db upgrade" in refusal(url)


def test_a_schema_that_was_brought_forward_meanwhile_is_taken_without_a_restart(database_url: str) -> None:
    assert works(database_url)
    run(database_url, f"UPDATE schema_version SET version = {SCHEMA_VERSION - 1}")
    with opened(database_url) as store:
        with pytest.raises(SettingsError):
            store.ping()
        run(database_url, f"UPDATE schema_version SET version = {SCHEMA_VERSION}")
        store.ping()


def test_the_schema_is_looked_at_with_one_query_once_in_a_process(database_url: str) -> None:
    assert works(database_url)
    with opened(database_url) as store:
        said: list[str] = []

        @event.listens_for(store.database.engine, "before_cursor_execute")
        def hear(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            said.append(statement)

        store.database.prepare()
        assert len([statement for statement in said if "schema_version" in statement]) == 1
        ours = [statement for statement in said if not statement.startswith(("select pg_catalog", "show", "select cu"))]
        assert len(ours) == 1
        said.clear()
        for _ in range(3):
            store.ping()
            store.save(whole(decision()))
        assert [statement for statement in said if "SELECT 1" not in statement] == []


def test_a_schema_that_another_process_makes_in_the_same_moment_is_taken(tmp_path: Path) -> None:
    """Between the question that finds no table and the look at why."""
    url, made = f"sqlite:///{tmp_path}/new.db", list[str]()
    engine = open_engine(url)

    @event.listens_for(engine, "handle_error")
    def make(_context: object) -> None:
        if not made:
            made.append(url)
            with opened(url) as other:
                other.ping()

    prepare(engine)
    engine.dispose()
    assert made and works(url)
