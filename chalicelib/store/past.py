"""What was decided about a subject before: the rows that a task's ``history`` is made of.

Every query walks the subject's own decisions by ``ix_decisions_subject``, newest first, and finds their facts and
labels by decision: how much was decided about others does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, false, func, select

from chalicelib.errors import Unavailable
from chalicelib.history import Wanted
from chalicelib.store.database import BUSY_TIMEOUT_MS, Database
from chalicelib.store.ids import first_id
from chalicelib.store.tables import decisions, labels, task_results

BATCH = 500  # subjects in one statement
STEPS = 10_000  # of SQLite's machine, a few tenths of a millisecond: how often it is asked whether it is late

Row = dict[str, Any]


class Past:
    """Reads what was decided before.

    Every method gives the newest rows first, raises Unavailable when the database does not answer in the time that the
    asker has left, and SettingsError when its schema does not suit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def decisions(self, wanted: Wanted, outcome: str | None = None) -> list[Row]:
        """Rows of id, use_case, outcome, decision (JSON text), created_at."""
        return self._rows(wanted, decisions_query(wanted, outcome))

    def results(self, wanted: Wanted, task: str) -> list[Row]:
        """Rows of decision_id, use_case, task, result (JSON text), created_at; of tasks that did not fail."""
        return self._rows(wanted, results_query(wanted, task))

    def labels(self, wanted: Wanted) -> list[Row]:
        """Rows of decision_id, use_case, outcome, decided, who, reason, created_at."""
        return self._rows(wanted, labels_query(wanted))

    def outcomes(self, wanted: Wanted, subjects: Sequence[str]) -> list[tuple[str, str, int]]:
        """(subject, outcome, how often it was decided) of these subjects."""
        with self._reading(wanted.asker.left()) as connection:
            parts = [subjects[start : start + BATCH] for start in range(0, len(subjects), BATCH)]
            return [tuple(row) for part in parts for row in connection.execute(outcomes_query(wanted, part))]

    def _rows(self, wanted: Wanted, query: Select[Any]) -> list[Row]:
        with self._reading(wanted.asker.left()) as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _reading(self, seconds: float) -> Iterator[Connection]:
        if seconds <= 0:
            raise Unavailable("no time is left to read the history", code="store-unavailable", retry_after=2)
        most = max(1, int(1000 * min(seconds, BUSY_TIMEOUT_MS / 1000)))
        if self._database.dialect.name == "sqlite":
            with self._database.read() as connection, _hurried(connection, most):
                yield connection
        else:
            with self._database.begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL statement_timeout = {most}")
                yield connection


@contextmanager
def _hurried(connection: Connection, milliseconds: int) -> Iterator[None]:
    """SQLite waits no longer than this for others, nor does it search for longer."""
    until = perf_counter() + milliseconds / 1000
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA busy_timeout={milliseconds}")
    driver.set_progress_handler(lambda: perf_counter() > until, STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
        driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def decisions_query(wanted: Wanted, outcome: str | None = None) -> Select[Any]:
    table = decisions.c
    query = (
        select(table.id, table.use_case, table.outcome, table.decision, table.created_at)
        .where(*_of_subject(wanted), *_lately(wanted))
        .order_by(table.id.desc())
        .limit(wanted.limit)
    )
    return query if outcome is None else query.where(_aside(table.outcome) == outcome)


def results_query(wanted: Wanted, task: str) -> Select[Any]:
    table, fact = decisions.c, task_results.c
    found = fact.output.label("result")
    return (
        select(fact.decision_id, table.use_case, fact.task, found, table.created_at)
        .join_from(decisions, task_results)
        .where(*_of_subject(wanted), *_lately(wanted))
        .where(fact.task == task, fact.output.is_not(None), fact.fallback_used == false())
        .order_by(table.id.desc())
        .limit(wanted.limit)
    )


def outcomes_query(wanted: Wanted, subjects: Sequence[str]) -> Select[Any]:
    table = decisions.c
    return (
        select(table.subject, table.outcome, func.count())
        .where(table.subject.in_(subjects), *_decided_before(wanted), *_lately(wanted), table.outcome.is_not(None))
        .group_by(table.subject, table.outcome)
    )


def labels_query(wanted: Wanted) -> Select[Any]:
    table, label = decisions.c, labels.c
    decided = table.outcome.label("decided")
    return (
        select(label.decision_id, table.use_case, label.outcome, decided, label.who, label.reason, label.created_at)
        .join_from(decisions, labels)
        .where(*_of_subject(wanted))
        .where(label.id >= first_id(wanted.since))
        .where(label.created_at >= wanted.since, label.created_at < wanted.asker.now)
        .order_by(label.created_at.desc(), label.id.desc())
        .limit(wanted.limit)
    )


def _of_subject(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    yield decisions.c.subject == wanted.asker.subject
    yield from _decided_before(wanted)


def _decided_before(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """Decided before now, on the same stage, for this use case; not the asking decision."""
    table, asker = decisions.c, wanted.asker
    yield _aside(table.use_case) == wanted.use_case
    yield table.stage == asker.stage
    yield table.status == "decided"  # neither failed nor forgotten
    yield table.created_at < asker.now
    if asker.decision_id:
        yield table.id != asker.decision_id


def _lately(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """Not too long ago: by the id, which the index ends in, and by the decision's own time, which may be before it."""
    yield decisions.c.id >= first_id(wanted.since)
    yield decisions.c.created_at >= wanted.since


def _aside(column: Column[Any]) -> ColumnElement[Any]:
    """A column that no index is to be walked by: a subject has few decisions, a use case or an outcome very many."""
    return func.coalesce(column, "")
