"""Bringing databases forward: nothing is lost, and it happens once, whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from old_schemas import described, write_old
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError
from store_rows import decision, whole

from chalicelib.errors import SettingsError
from chalicelib.store import Store
from chalicelib.store.database import open_engine
from chalicelib.store.schema import COMPATIBLE_FROM, REVISION, SCHEMA_VERSION, version_of
from workbench.migrate import MIGRATIONS, NotOurs, upgrade

DECIDED, FAILED = "019aa5d0-0f3a-7c4e-9a3c-6d2f8f2f5b11", "019aa5d0-1b7e-7d55-8f41-2c8e3a9d7e02"  # in the dumps


def scripts() -> list[Script]:
    """The migrations, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return [*ScriptDirectory.from_config(config).walk_revisions()][::-1]


def bring(url: str, to: str = "head") -> tuple[str | None, str | None]:
    engine = open_engine(url, patient=True)
    try:
        return upgrade(engine, to)
    finally:
        engine.dispose()


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Table -> its rows, in order."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    names = ("decisions", "task_results", "paid_answers", "model_versions")
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    found = {
        name: [dict(row) for row in connection.execute(f"SELECT * FROM {name} ORDER BY rowid")]
        for name in names
        if name in there
    }
    connection.close()
    return found


@pytest.fixture
def empty_postgres(new_postgres: Callable[[], str]) -> str:
    url = new_postgres()
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()
    return url


def test_the_software_says_the_newest_migration() -> None:
    newest = scripts()[-1]
    assert newest.revision == REVISION
    assert (newest.module.VERSION, newest.module.COMPATIBLE_FROM) == (SCHEMA_VERSION, COMPATIBLE_FROM)


def test_every_migration_says_which_version_it_makes_and_leaves_it_in_the_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/step.db"
    for number, script in enumerate(scripts(), 1):
        assert script.revision == f"{number:04}"
        bring(url, script.revision)
        if number < 3:  # these were told by SQLite's user_version, which their software wrote
            continue
        engine = open_engine(url)
        with engine.connect() as connection:
            assert version_of(connection) == (script.module.VERSION, script.module.COMPATIBLE_FROM)
            assert number == script.module.VERSION
        engine.dispose()


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_file_is_brought_forward_with_its_rows(tmp_path: Path, version: int) -> None:
    path = tmp_path / "old.db"
    url = write_old(version, path)
    before = rows(path)
    assert bring(url) == (f"000{version}", REVISION)
    after = rows(path)
    for table, found in before.items():
        assert len(found) == len(after[table])
        for old, new in zip(found, after[table], strict=True):
            assert {name: new[name] for name in old} == old
            assert not any(new[name] for name in new.keys() - old.keys())
    assert bring(url) == (REVISION, REVISION)


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_file_comes_to_the_same_schema_as_a_new_one(tmp_path: Path, version: int) -> None:
    urls = [write_old(version, tmp_path / "old.db"), f"sqlite:///{tmp_path}/new.db"]
    found = []
    for url in urls:
        bring(url)
        engine = open_engine(url)
        with engine.connect() as connection:
            found.append(described(connection))
        engine.dispose()
    assert found[0] == found[1]


def test_the_store_reads_and_goes_on_writing_what_older_software_began(tmp_path: Path) -> None:
    url = write_old(2, tmp_path / "old.db")
    bring(url)
    store = Store(url)
    row = decision()
    store.save(whole(row))
    old = store.get(DECIDED)
    assert old is not None
    assert old["subject"] == "회원-1"
    assert old["created_at"].isoformat() == "2026-11-21T09:30:15.123456+00:00"
    assert [fact["error"] for fact in store.results(FAILED)] == ['{"type":"timeout"}']
    assert store.get(row["id"]) == row
    store.close()


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    url = write_old(2, path)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE claimed_facts (whose TEXT)")  # the last one that the migration makes
    before = list(sqlite3.connect(path).execute("SELECT name, sql FROM sqlite_master"))
    with pytest.raises(SQLAlchemyError):
        bring(url)
    assert list(sqlite3.connect(path).execute("SELECT name, sql FROM sqlite_master")) == before
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (2,)


def test_an_upgrade_of_postgresql_that_fails_changes_nothing(empty_postgres: str) -> None:
    bring(empty_postgres, "0002")
    engine = open_engine(empty_postgres)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE claimed_facts (whose TEXT)")
    with engine.connect() as connection:
        before = described_tables(connection)
    with pytest.raises(SQLAlchemyError):
        bring(empty_postgres)
    with engine.connect() as connection:
        assert described_tables(connection) == before
    engine.dispose()


def described_tables(connection: Any) -> dict[str, list[str]]:
    inspector = inspect(connection)
    return {name: [each["name"] for each in inspector.get_columns(name)] for name in inspector.get_table_names()}


def test_of_several_upgrades_at_once_one_does_the_work(tmp_path: Path, empty_postgres: str) -> None:
    for url in (write_old(1, tmp_path / "old.db"), empty_postgres):
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda _, url=url: bring(url), range(4)))
        assert len([each for each in done if each[0] != REVISION]) == 1
        assert {after for _, after in done} == {REVISION}
        store = Store(url)
        row = decision()
        store.save(whole(row))
        assert store.get(row["id"]) == row
        store.close()


@pytest.mark.parametrize("stamped", [False, True])
def test_somebody_elses_database_is_left_alone(tmp_path: Path, empty_postgres: str, stamped: bool) -> None:
    """``stamped``: they use Alembic, too."""
    for url in (f"sqlite:///{tmp_path}/theirs.db", empty_postgres):
        engine = open_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE customers (id INTEGER PRIMARY KEY)")
            if stamped:
                connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
                connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('ae1027a6acf')")
        with pytest.raises(NotOurs, match="customers"):
            bring(url)
        with engine.connect() as connection:
            assert described_tables(connection).keys() == {"customers"} | ({"alembic_version"} if stamped else set())
        engine.dispose()


def newer(url: str, compatible_from: int) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0099'")
        connection.exec_driver_sql(f"UPDATE schema_version SET version = 99, compatible_from = {compatible_from}")
    engine.dispose()


def test_a_newer_schema_that_suits_stays_as_it_is(tmp_path: Path, new_postgres: Callable[[], str]) -> None:
    """A rollback's pipeline runs the upgrade of the older software."""
    for url in (f"sqlite:///{tmp_path}/new.db", new_postgres()):
        bring(url)
        newer(url, SCHEMA_VERSION)
        assert bring(url) == ("0099", "0099")


def test_a_newer_schema_that_does_not_suit_is_refused(tmp_path: Path, new_postgres: Callable[[], str]) -> None:
    for url in (f"sqlite:///{tmp_path}/new.db", new_postgres()):
        bring(url)
        newer(url, 99)
        with pytest.raises(SettingsError, match="schema 99"):
            bring(url)
