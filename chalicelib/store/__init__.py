"""The store: decisions and their facts, written together or not at all.

SQLite is the embedded default: WAL, one writer at a time (``BEGIN IMMEDIATE``, because a
transaction that reads first and then writes fails at once when another writer was faster), the
schema created on first use. ``synchronous=NORMAL`` loses no commit when a process is killed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Engine, and_, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from chalicelib.errors import SettingsError, Unavailable
from chalicelib.store.answers import find_answers
from chalicelib.store.database import open_engine
from chalicelib.store.statements import Insert
from chalicelib.store.tables import (
    SCHEMA_VERSION,
    decisions,
    metadata,
    model_versions,
    paid_answers,
    task_results,
)


class Store:
    """Decisions and facts in a relational database.

    Every method raises Unavailable when the database does not answer.

    Args:
        url: a SQLAlchemy URL. Raises SettingsError when it is none.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        self._reader = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        self._insert_decision = Insert(decisions, self._engine.dialect)
        self._insert_result = Insert(task_results, self._engine.dialect)
        self._insert_answer = Insert(paid_answers, self._engine.dialect, or_ignore=True)
        self._insert_version = Insert(model_versions, self._engine.dialect, or_ignore=True)
        self._errors = (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error)
        self._prepared, self._lock = False, Lock()

    def save(
        self,
        decision: dict[str, Any],
        results: list[dict[str, Any]],
        answers: Sequence[dict[str, Any]] = (),
        versions: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Store a decision with its facts in one transaction; with paid answers and model versions, where there are."""
        self._prepare()
        with self._available(), self._transaction() as cursor:
            cursor.execute(self._insert_decision.sql, self._insert_decision.parameters(decision))
            for insert, rows in (
                (self._insert_result, results),
                (self._insert_answer, answers),
                (self._insert_version, versions),
            ):
                if rows:
                    cursor.executemany(insert.sql, list(map(insert.parameters, rows)))

    def get(self, decision_id: str) -> dict[str, Any] | None:
        """One decision's row as a dict, or None."""
        self._prepare()
        with self._available(), self._reader.connect() as connection:
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
        with self._available(), self._reader.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def answers(
        self, keys: Sequence[str], model: str, version: str, since: datetime
    ) -> dict[str, tuple[str, float, str]]:
        """Key -> newest stored answer of this model version (JSON text), its units, and the decision that paid."""
        self._prepare()
        with self._available(), self._reader.connect() as connection:
            return find_answers(connection, keys, model, version, since)

    def last_seen(self) -> dict[tuple[str, str, str], tuple[int, str, str]]:
        """(capability, provider, asked) -> (number, model, version) that was seen last."""
        self._prepare()
        with self._available(), self._reader.connect() as connection:
            rows = connection.execute(_newest_versions()).mappings()
            return {
                (row["capability"], row["provider"], row["asked"]): (row["number"], row["model"], row["version"])
                for row in rows
            }

    def versions(self, most: int = 1000) -> list[dict[str, Any]]:
        """The versions in which models were seen, oldest first; of very many the last ones."""
        self._prepare()
        newest = (model_versions.c.seen_at.desc(), model_versions.c.number.desc())
        query = select(model_versions).order_by(*newest).limit(most)
        with self._available(), self._reader.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()][::-1]

    def ping(self) -> None:
        """Raises Unavailable when the store cannot be used."""
        self._prepare()
        with self._available(), self._reader.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """A cursor of a pooled driver connection, inside one transaction.

        The statements are fixed and compiled once, so the driver takes them as they are: through
        SQLAlchemy's execution the same transaction takes more than twice as long.
        """
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            if self._engine.dialect.name == "sqlite":
                cursor.execute("BEGIN IMMEDIATE")
            yield cursor
            connection.commit()
        except BaseException:
            connection.invalidate()  # closes it, which rolls back; whatever broke it cannot come back
            raise
        finally:
            connection.close()

    def _prepare(self) -> None:
        """Create an empty SQLite's schema, once."""
        if self._prepared:
            return
        with self._lock, self._available():
            if self._engine.dialect.name == "sqlite":
                _create_schema(self._engine)
            self._prepared = True

    @contextmanager
    def _available(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise Unavailable("the store cannot be reached", code="store-unavailable", retry_after=2) from error


def _newest_versions() -> Any:
    """The last version of each model, by one pass over the primary key."""
    table = model_versions
    key = table.c.capability, table.c.provider, table.c.asked
    newest = select(*key, func.max(table.c.number).label("number")).group_by(*key).subquery()
    return select(table).join(newest, and_(*(column == newest.c[column.name] for column in (*key, table.c.number))))


def _create_schema(engine: Engine) -> None:
    with engine.begin() as connection:
        found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found < SCHEMA_VERSION:  # what was added since are tables
            metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
        elif found != SCHEMA_VERSION:
            raise SettingsError([f"the database has schema {found}, this version needs {SCHEMA_VERSION}"])
