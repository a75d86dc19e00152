"""What calls of models there were: read for sums over a period, without changing anything.

A reader must not create the database it looks for, nor bring a SQLite file into WAL mode, nor hold up its writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from sqlalchemy import Engine, NullPool, Select, create_engine, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from chalicelib.errors import ArtemisError
from chalicelib.store.database import open_engine
from chalicelib.store.tables import decisions, task_results

BATCH = 1_000  # rows in memory at a time


class Unreadable(ArtemisError):
    """There is no such database, or it does not answer, or it holds no decisions. The message names no password."""


class NoUrl(Unreadable):
    """The text is no SQLAlchemy URL."""


class NoDatabase(Unreadable):
    """The file that a SQLite URL names is not there."""


class Spent(NamedTuple):
    """The calls of one task of one decision, as JSON text: a list of ``chalicelib.asking.Call.as_dict()``."""

    use_case: str
    task: str
    calls: str


def open_reader(url: str) -> Engine:
    """An engine that only reads.

    Raises Unreadable when there is nothing to read, SettingsError when the URL is of a kind that cannot be used.
    """
    path = _sqlite_file(url)
    engine = open_engine(url) if path is None else _reading(path)
    shown = path or engine.url.set(query={}).render_as_string()  # without its password, wherever it stands
    try:
        holds = inspect(engine).has_table(decisions.name)
    except SQLAlchemyError as error:
        raise Unreadable(f"{shown} cannot be read ({type(error).__name__})") from error
    if not holds:
        raise Unreadable(f"{shown} holds no decisions: it is not a database of Artemis, or not migrated")
    return engine


def calls_since(
    engine: Engine, since: datetime, use_case: str | None = None, stage: str | None = None
) -> Iterator[Spent]:
    """The calls of every task that made any, of decisions taken at ``since`` or later, in no order.

    Raises Unreadable when the database stops answering.
    """
    for row in _rows(engine, _query(since, use_case, stage)):
        yield Spent(row.use_case, row.task, row.calls)


def seen(engine: Engine, column: Literal["use_case", "stage"]) -> set[str]:
    """The use cases, or the stages, of all decisions there are. Raises Unreadable as above."""
    return {row[0] for row in _rows(engine, select(decisions.c[column]).distinct())}


def _rows(engine: Engine, query: Select[Any]) -> Iterator[Any]:
    options = {"isolation_level": "AUTOCOMMIT"} if engine.dialect.name == "sqlite" else {}  # else BEGIN IMMEDIATE
    try:
        with engine.connect().execution_options(yield_per=BATCH, **options) as connection:
            yield from connection.execute(query)
    except SQLAlchemyError as error:
        raise Unreadable(f"the database stopped answering ({type(error).__name__})") from error


def _query(since: datetime, use_case: str | None, stage: str | None) -> Select[tuple[str, str, str]]:
    query = (
        select(decisions.c.use_case, task_results.c.task, task_results.c.calls)
        .join_from(decisions, task_results)
        .where(decisions.c.created_at >= since, task_results.c.calls != "[]")
    )
    if use_case is not None:
        query = query.where(decisions.c.use_case == use_case)
    return query if stage is None else query.where(decisions.c.stage == stage)


def _sqlite_file(url: str) -> Path | None:
    """The file that a SQLite URL names. Raises NoDatabase when it is not there, NoUrl for any other text."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        shown = "it" if "@" in url else repr(url)  # what should not be read stands before an @
        raise NoUrl(f"{shown} is no SQLAlchemy URL, such as sqlite:///.artemis/emulators.db") from None
    name = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or not name or name.startswith((":", "file:")):
        return None
    path = Path(name).resolve()
    if not path.is_file():
        raise NoDatabase(f"there is no database {path}")
    return path


def _reading(path: Path) -> Engine:
    uri = f"file:{quote(str(path))}?mode=ro"
    return create_engine("sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), poolclass=NullPool)
