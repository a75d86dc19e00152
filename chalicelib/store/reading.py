"""Reading a database that belongs to a running service, without changing anything.

A reader must not create the database it looks for, nor bring a SQLite file into WAL mode, nor hold up its writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, NullPool, Select, create_engine, inspect, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from chalicelib.errors import ArtemisError
from chalicelib.store.database import open_engine
from chalicelib.store.reasons import reason
from chalicelib.store.tables import decisions

BATCH = 1_000  # rows in memory at a time


class Unreadable(ArtemisError):
    """There is no such database, or it does not answer, or it holds no decisions. The message names no password."""


class NoUrl(Unreadable):
    """The text is no SQLAlchemy URL."""


class NoDatabase(Unreadable):
    """The file that a SQLite URL names is not there."""


def open_reader(url: str) -> Engine:
    """An engine that only reads.

    Raises Unreadable when there is nothing to read, SettingsError when the URL is of a kind that cannot be used.
    """
    engine, shown = open_unchecked(url)
    try:
        holds = inspect(engine).has_table(decisions.name)
    except SQLAlchemyError as error:
        raise Unreadable(f"{shown} cannot be read: {reason(error)}") from error
    if not holds:
        raise Unreadable(f"{shown} holds no decisions: it is not a database of Artemis, or not migrated")
    return engine


def open_unchecked(url: str) -> tuple[Engine, str]:
    """An engine that only reads, whatever is there, and what to call the database: it names no password.

    Raises NoDatabase, NoUrl, and SettingsError as above.
    """
    path = sqlite_file(url)
    if path is not None:
        return _reading(path), str(path)
    engine = open_engine(url, patient=True)
    return engine, shown_as(engine)


def shown_as(engine: Engine) -> str:
    """What to call a database in a message: its file, or its URL without password and options."""
    is_file = engine.dialect.name == "sqlite" and engine.url.database
    return str(engine.url.database) if is_file else engine.url.set(query={}).render_as_string()


def stream(engine: Engine, query: Select[Any]) -> Iterator[Any]:
    """The rows of a query, ``BATCH`` in memory at a time. Raises Unreadable when the database stops answering."""
    options = {"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "sqlite" else {}  # else BEGIN IMMEDIATE
    try:
        with engine.connect().execution_options(yield_per=BATCH, **options) as connection:
            yield from connection.execute(query)
    except SQLAlchemyError as error:
        raise Unreadable(f"the database stopped answering: {reason(error)}") from error


def sqlite_file(url: str) -> Path | None:
    """The file that a SQLite URL names; None for any other database.

    Raises NoDatabase when it is not there, NoUrl for a text that is no URL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        shown = "it" if "@" in url else repr(url)  # what should not be read stands before an @
        raise NoUrl(f"{shown} is no SQLAlchemy URL, such as sqlite:///.artemis/emulators.db") from None
    name = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or not name or name.startswith((":", "file:")):
        return None
    path = Path(name).resolve()
    if path.is_dir():
        raise NoDatabase(f"{path} is a folder: name the database's file")
    if not path.is_file():
        raise NoDatabase(f"there is no database {path}")
    return path


def _reading(path: Path) -> Engine:
    uri = f"file:{quote(str(path))}?mode=ro"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool)
