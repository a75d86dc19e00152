"""The store: decisions and their facts, written together or not at all.

SQLite is the embedded default: WAL, one writer at a time (``BEGIN IMMEDIATE``, because a
transaction that reads first and then writes fails at once when another writer was faster), the
schema created on first use. ``synchronous=NORMAL`` loses no commit when a process is killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from chalicelib.errors import SettingsError, Unavailable
from chalicelib.store.tables import SCHEMA_VERSION, decisions, metadata, task_results

BUSY_TIMEOUT_MS = 5_000


class Store:
    """Decisions and facts in a relational database.

    Every method raises Unavailable when the database does not answer.

    Args:
        url: a SQLAlchemy URL. Raises SettingsError when it is none.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._insert_decision, self._insert_result = insert(decisions), insert(task_results)
        self._prepared, self._lock = False, Lock()

    def save(self, decision: dict[str, Any], results: list[dict[str, Any]]) -> None:
        """Store a decision with its facts in one transaction."""
        self._prepare()
        with _available(), self._engine.begin() as connection:
            connection.execute(self._insert_decision, decision)
            if results:
                connection.execute(self._insert_result, results)

    def get(self, decision_id: str) -> dict[str, Any] | None:
        """One decision's row as a dict, or None."""
        self._prepare()
        with _available(), self._reader.connect() as connection:
            row = connection.execute(select(decisions).where(decisions.c.id == decision_id)).mappings().first()
        return dict(row) if row else None

    def results(self, decision_id: str) -> list[dict[str, Any]]:
        """The facts of one decision, in the order in which their tasks started."""
        self._prepare()
        query = (
            select(task_results)
            .where(task_results.c.decision_id == decision_id)
            .order_by(task_results.c.started_ms, task_results.c.task)
        )
        with _available(), self._reader.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def ping(self) -> None:
        """Raises Unavailable when the store cannot be used."""
        self._prepare()
        with _available(), self._reader.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()

    def _prepare(self) -> None:
        """Create an empty SQLite's schema, once."""
        if self._prepared:
            return
        with self._lock, _available():
            if self._engine.dialect.name == "sqlite":
                _create_schema(self._engine)
            self._prepared = True


def _create_schema(engine: Engine) -> None:
    with engine.begin() as connection:
        found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found == 0:
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif found != SCHEMA_VERSION:
            raise SettingsError([f"the database has schema {found}, this version needs {SCHEMA_VERSION}"])


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, pool_size=16, max_overflow=16, pool_reset_on_return=None)
    except (ArgumentError, NoSuchModuleError, ImportError, OSError, TypeError) as error:
        raise SettingsError([f"ARTEMIS_DATABASE_URL cannot be used: {type(error).__name__}"]) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Any) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise Unavailable("the store cannot be reached", code="store-unavailable", retry_after=2) from error
