"""Dropping the months that are over: on PostgreSQL a month is three tables, which go as they are.

A month is first detached, all three tables in one transaction, so that no decision is ever seen without its facts.
That waits for those who use the tables, but only briefly (``locks``), and takes milliseconds. Then nobody knows the
tables any more, and they are dropped. Killed in between, they are found by their names and dropped the next time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from workbench.retention.locks import change
from workbench.retention.partitions import LOCK, PARTITIONED, REFERRING, Month, count_rows, months_of, within

# PostgreSQL looks for labels of the decisions that go: from the labels, which are few, not by reading the decisions.
FROM_THE_LABELS = ("SET LOCAL enable_hashjoin = off", "SET LOCAL enable_mergejoin = off")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A month that is gone: table -> rows."""

    month: Month
    rows: Counter[str]


def months_before(connection: Connection, before: datetime) -> list[Month]:
    """The months that have partitions and were over by then; none on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    return [month for month in months_of(connection) if month.next.start <= before]


def drop_months(engine: Engine, before: datetime) -> Iterator[Dropped]:
    """Drop the months that were over by ``before``. Raises InUse when the tables are never free."""
    for month in _detached(engine):
        change(engine, lambda connection, month=month: _drop(connection, month))  # type: ignore[misc]
    with engine.connect() as connection:
        months = months_before(connection, before)
    for month in months:
        rows = change(engine, lambda connection, month=month: _empty(connection, month), 0)  # type: ignore[misc]
        late = change(engine, lambda connection, month=month: _detach(connection, month))  # type: ignore[misc]
        change(engine, lambda connection, month=month: _drop(connection, month))  # type: ignore[misc]
        yield Dropped(month, rows + late)


def _empty(connection: Connection, month: Month) -> Counter[str]:
    """Delete the month's labels; count the rest. Nobody is kept waiting."""
    rows = _delete_labels(connection, month)
    for table in PARTITIONED:
        rows[table] = count_rows(connection, month.of_table(table))
    return rows


def _detach(connection: Connection, month: Month) -> Counter[str]:
    connection.execute(LOCK)
    rows = _delete_labels(connection, month)  # that came meanwhile
    for setting in FROM_THE_LABELS:
        connection.execute(text(setting))
    for table in reversed(PARTITIONED):
        connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {month.of_table(table)}"))
    return rows


def _drop(connection: Connection, month: Month) -> None:
    connection.execute(text("DROP TABLE IF EXISTS " + ", ".join(map(month.of_table, PARTITIONED))))


def _delete_labels(connection: Connection, month: Month) -> Counter[str]:
    rows = Counter[str]()
    for table in REFERRING:
        deleted = connection.execute(text(f"DELETE FROM {within(table, 'decision_id', month)}"))  # noqa: S608
        rows[table] = deleted.rowcount
    return rows


def _detached(engine: Engine) -> list[Month]:
    """Months whose tables are there, and are partitions of nothing: a run was killed before it dropped them."""
    query = text(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition "
        "AND relnamespace = current_schema()::regnamespace AND relname ~ '^decisions_[0-9]{4}_[0-9]{2}$'"
    )
    with engine.connect() as connection:
        return [month for (name,) in connection.execute(query) if (month := Month.named(name))]
