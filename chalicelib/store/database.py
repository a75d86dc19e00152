"""Connecting: an engine for a URL, with what each database needs set on every connection."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from chalicelib.errors import SettingsError

BUSY_TIMEOUT_MS = 5_000
PRAGMAS = (f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=NORMAL", "foreign_keys=ON")


def open_engine(url: str) -> Engine:
    """An engine; nothing is connected yet. Raises SettingsError when the URL cannot be used."""
    try:
        parsed = make_url(url)
        _make_folder(parsed)
        engine = create_engine(parsed, pool_size=16, max_overflow=16, pool_reset_on_return=None)
    except (ArgumentError, NoSuchModuleError, ImportError, OSError, TypeError, ValueError) as error:
        raise SettingsError(
            [f"ARTEMIS_DATABASE_URL cannot be used: {type(error).__name__}{_missing(error)}"]
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _missing(error: Exception) -> str:
    """The module that is not installed, if that is it; never the URL, which may hold a password."""
    return f" ({error.name} is not installed)" if isinstance(error, ModuleNotFoundError) else ""


def _make_folder(url: URL) -> None:
    name = url.database or ":memory:"
    if url.get_backend_name() == "sqlite" and name != ":memory:" and not name.startswith("file:"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    _use_wal(connection, monotonic() + BUSY_TIMEOUT_MS / 1000)


def _use_wal(connection: Any, until: float) -> None:
    """SQLite does not wait, as for anything else, when it changes the mode of a file that is in use."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except Exception as error:  # the driver's own; naming it would import it
            if "locked" not in str(error):
                raise
            if monotonic() > until:
                raise
            sleep(0.01)


def _begin_immediate(connection: Any) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
