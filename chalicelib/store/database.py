"""Connecting: an engine for a URL, with what each database needs set on every connection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from chalicelib.errors import SettingsError

BUSY_TIMEOUT_MS = 5_000
PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON")


def open_engine(url: str) -> Engine:
    """An engine; nothing is connected yet. Raises SettingsError when the URL cannot be used."""
    try:
        parsed = make_url(url)
        _make_folder(parsed)
        engine = create_engine(parsed, pool_size=16, max_overflow=16, pool_reset_on_return=None)
    except (ArgumentError, NoSuchModuleError, ImportError, OSError, TypeError) as error:
        raise SettingsError([f"ARTEMIS_DATABASE_URL cannot be used: {type(error).__name__}"]) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _make_folder(url: URL) -> None:
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Any) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
