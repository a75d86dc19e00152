"""Connecting: an engine for a URL, with what each database needs set on every connection; transactions."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from chalicelib.errors import SettingsError, Unavailable
from chalicelib.store.forks import forget_after_fork
from chalicelib.store.reasons import reason
from chalicelib.store.schema import prepare
from chalicelib.store.statements import Batch, Insert

log = logging.getLogger("artemis")

BUSY_TIMEOUT_MS = 5_000
PRAGMAS = (f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=NORMAL", "foreign_keys=ON")


class Database:
    """One database: reading, and writing in transactions.

    Every method raises Unavailable when the database does not answer, and SettingsError when its schema does not
    suit. Nothing is connected before it is needed.

    Args:
        url: a SQLAlchemy URL. Raises SettingsError when it cannot be used.
        patient: as of ``open_engine``.
    """

    def __init__(self, url: str, patient: bool = False) -> None:
        self.engine = open_engine(url, patient)
        self.dialect = self.engine.dialect
        self._reader = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._errors = (SQLAlchemyError, self.dialect.loaded_dbapi.Error)
        self._prepared, self._failed_at, self._lock = False, float("-inf"), Lock()

    def insert(self, table: Table, or_ignore: bool = False) -> Insert:
        """An INSERT for ``batch``. ``or_ignore``: a row that is there already stays."""
        return Insert(table, self.dialect, or_ignore)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading, outside any transaction."""
        self.prepare()
        with self.available(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A connection inside a transaction that is committed at the end, and rolled back when something is raised."""
        self.prepare()
        with self.available(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Statements that go to the database together, in one transaction.

        They are compiled once and the driver takes them as they are: through SQLAlchemy's execution the same
        transaction takes more than twice as long. PostgreSQL gets all of them, from BEGIN to COMMIT, in one round
        trip (libpq's pipeline): after one that fails it takes no other, so COMMIT does nothing.
        """
        self.prepare()
        with self.available():
            connection = self.engine.raw_connection()
            try:
                with self._batching(connection.driver_connection) as batch:
                    yield batch
            except BaseException:
                connection.invalidate()  # closes it, which rolls back; whatever broke it cannot come back
                raise
            finally:
                connection.close()

    @contextmanager
    def _batching(self, driver: Any) -> Iterator[Batch]:
        """A transaction from BEGIN to COMMIT."""
        if self.dialect.name == "postgresql":
            from chalicelib.store.pipeline import pipelined

            with pipelined(driver) as batch:
                yield batch
        else:
            cursor = driver.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield Batch(cursor)
                cursor.execute("COMMIT")
            except BaseException:
                driver.rollback()  # closing alone keeps the lock as long as a traceback refers to a statement
                raise

    def prepare(self) -> None:
        """Create an empty SQLite's schema, or check the schema there is; once."""
        if self._prepared:
            return
        asked_at = monotonic()
        with self._lock, self.available():
            if not self._prepared:
                self._prepare(asked_at)

    def _prepare(self, asked_at: float) -> None:
        if self._failed_at > asked_at:  # who waited while another tried in vain does not wait again
            raise _unavailable()
        try:
            prepare(self.engine)
        except BaseException:
            self._failed_at = monotonic()
            raise
        self._prepared = True

    @contextmanager
    def available(self) -> Iterator[None]:
        """What the database raises is Unavailable."""
        try:
            yield
        except self._errors as error:
            log.warning("the store cannot be reached: %s", reason(error))
            raise _unavailable() from error

    def close(self) -> None:
        self.engine.dispose()


def _unavailable() -> Unavailable:
    return Unavailable("the store cannot be reached", code="store-unavailable", retry_after=2)


def open_engine(url: str, patient: bool = False) -> Engine:
    """An engine; nothing is connected yet. Raises SettingsError when the URL cannot be used.

    ``patient``: PostgreSQL sets a statement no limit of time; for commands that read or change much.
    """
    try:
        engine = _open(_parsed(url), patient)
    except (ArgumentError, NoSuchModuleError, ImportError, OSError, TypeError, ValueError) as error:
        raise SettingsError(
            [f"ARTEMIS_DATABASE_URL cannot be used: {type(error).__name__}{_missing(error)}"]
        ) from error
    forget_after_fork(engine)
    return engine


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # it is not shown: it may hold a password
        raise SettingsError(["ARTEMIS_DATABASE_URL is no SQLAlchemy URL, such as sqlite:///decisions.db"]) from None


def _open(url: URL, patient: bool) -> Engine:
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(url)
    if backend == "postgresql":
        from chalicelib.store.postgres import open_postgres

        return open_postgres(url, patient)
    raise SettingsError([f"ARTEMIS_DATABASE_URL: {backend} is not supported: use postgresql or sqlite"])


def _open_sqlite(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise SettingsError(["ARTEMIS_DATABASE_URL: a database in memory is lost: name a file, as sqlite:///name.db"])
    _make_folder(url)
    engine = create_engine(url, pool_size=16, max_overflow=16)
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_immediate)
    return engine


def _missing(error: Exception) -> str:
    """The module that is not installed, if that is it; never the URL, which may hold a password."""
    return f" ({error.name} is not installed)" if isinstance(error, ModuleNotFoundError) else ""


def _make_folder(url: URL) -> None:
    name = url.database or ""
    if not name.startswith("file:"):
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
