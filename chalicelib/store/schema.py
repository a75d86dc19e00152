"""Which schema a database has, and whether this software can work with it.

An empty SQLite is created from the tables as they are declared; anything else is Alembic's to bring forward
(``artemis db upgrade``). A newer schema that says it still suits this software is worked with, so that a rollback
of the software needs none of the database.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, insert, inspect, select, text
from sqlalchemy.exc import DatabaseError

from chalicelib.errors import SettingsError
from chalicelib.store.tables import metadata, schema_version

SCHEMA_VERSION = 5
COMPATIBLE_FROM = 3  # the oldest software that can work with this schema
REVISION = "0005"  # Alembic's name for it
UPGRADE = "run `artemis db upgrade`"


def prepare(engine: Engine) -> None:
    """Create the schema in an empty SQLite, else check it: one query where it suits, else SettingsError."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        found = version_of(connection)
    if found is None and engine.dialect.name == "sqlite":
        with engine.begin() as connection:  # alone; another may have been faster
            if holds_nothing(connection):
                create(connection)
                return
            found = version_of(connection)
    check_version(found)


def create(connection: Connection) -> None:
    """The whole schema in an empty database, stamped as if Alembic had made it."""
    import chalicelib.store.alert_tables  # which belong to the metadata then
    import chalicelib.store.challenger_tables  # noqa: F401

    metadata.create_all(connection)
    connection.execute(insert(schema_version).values(version=SCHEMA_VERSION, compatible_from=COMPATIBLE_FROM))
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})


def check(connection: Connection) -> None:
    """As ``prepare``, of a database that is never created."""
    check_version(version_of(connection))


def check_version(found: tuple[int, int] | None) -> None:
    """As ``prepare``, of a schema as ``version_of`` tells it."""
    if found is None:
        raise SettingsError([f"the database has no schema of Artemis: {UPGRADE}"])
    version, compatible_from = found
    if version < SCHEMA_VERSION:
        raise SettingsError([f"the database has schema {version}, and this version needs {SCHEMA_VERSION}: {UPGRADE}"])
    if compatible_from > SCHEMA_VERSION:
        needed = f"which needs a version of Artemis for schema {compatible_from} or later"
        raise SettingsError([f"the database has schema {version}, {needed}; this one is for {SCHEMA_VERSION}"])


def version_of(connection: Connection) -> tuple[int, int] | None:
    """(version, oldest software that suits it), or None where there is no schema of ours."""
    query = select(schema_version.c.version, schema_version.c.compatible_from)
    try:
        row = connection.execute(query).first()
    except DatabaseError:
        if not inspect(connection).has_table(schema_version.name):
            return _before_versions(connection)
        row = connection.execute(query).first()  # another process has just made it; any other trouble is told again
    return None if row is None else (row[0], row[1])


def _before_versions(connection: Connection) -> tuple[int, int] | None:
    """Schemas 1 and 2 were SQLite's only, and were told by its ``user_version``."""
    if connection.dialect.name != "sqlite":
        return None
    version: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    return (version, version) if version in (1, 2) else None


def holds_nothing(connection: Connection) -> bool:
    """Whether there is no table at all, of ours or of anybody else."""
    return not inspect(connection).get_table_names()
