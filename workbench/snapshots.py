"""Reading much of a database in pages: each page, with all that belongs to it, is one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from chalicelib.store.reading import Unreadable
from chalicelib.store.schema import check


@contextmanager
def answering() -> Iterator[None]:
    """What a database raises is Unreadable."""
    try:
        yield
    except SQLAlchemyError as error:
        raise Unreadable(f"the database stopped answering ({type(error).__name__})") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads, for ``snapshot``."""
    sqlite = engine.dialect.name == "sqlite"  # which we tell ourselves when a transaction begins
    options = {"isolation_level": "AUTOCOMMIT" if sqlite else "REPEATABLE READ", "postgresql_readonly": not sqlite}
    with engine.connect().execution_options(**options) as connection:
        yield connection


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """All statements see the same state of the database."""
    if connection.dialect.name != "sqlite":
        with connection.begin():
            yield
        return
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    finally:
        connection.exec_driver_sql("ROLLBACK")


def check_schema(engine: Engine) -> None:
    """Raises SettingsError when the database's schema does not suit, Unreadable when it does not answer."""
    with answering(), engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        check(connection)
