"""PostgreSQL's partitions: a month each, of the three tables that grow with every decision.

The id tells the month (UUIDv7). What has no partition goes to the default one, so nothing is ever refused. A fact's
partition refers to the partition of its decision, not to all of them: dropping a month looks at no other.

Making a month takes milliseconds, in which writers wait; readers wait less. The default partition is not read for it:
where it holds many rows, a CHECK constraint, which is validated while everybody works, says that none is of that month.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from chalicelib.store.ids import first_id
from workbench.retention.locks import change

PARTITIONED = {"decisions": "id", "task_results": "decision_id", "paid_answers": "decision_id"}  # table -> its key
REFERRING = ("labels", "label_samples")  # to decisions, and not partitioned
MONTHS_AHEAD = 3
MOST_MOVED = 2_000  # decisions that leave the default partition while writers wait: under a second
MANY = 10_000  # rows that are not read while writers wait
LOCK = text(
    "LOCK TABLE "
    + ", ".join(f"ONLY {table}" for table in (*PARTITIONED, *REFERRING))
    + " IN SHARE ROW EXCLUSIVE MODE"  # at once and in this order, so that no writer is met half-way: no deadlock
)


@dataclass(frozen=True, slots=True)
class Month:
    """A month of UTC, for which each table has a partition."""

    year: int
    month: int

    @classmethod
    def of(cls, at: datetime) -> Month:
        at = at.astimezone(UTC)
        return cls(at.year, at.month)

    @classmethod
    def named(cls, partition: str) -> Month | None:
        """The month of ``decisions_2026_11``; None for the default partition."""
        *_, year, month = partition.split("_")
        return cls(int(year), int(month)) if year.isdigit() and month.isdigit() else None

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def next(self) -> Month:
        return Month.of(self.start + timedelta(days=31))

    @property
    def bounds(self) -> tuple[str, str]:
        """The first id, and the first of the next month."""
        return first_id(self.start), first_id(self.next.start)

    def of_table(self, table: str) -> str:
        return f"{table}_{self.year:04}_{self.month:02}"

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


@dataclass(frozen=True, slots=True)
class Partitions:
    """How a database is partitioned.

    Args:
        ready: months that have partitions, from the present one on, without a gap; 0: the present one has none.
        months: all that have.
        in_default: table -> rows in its default partition, counted to MANY.
    """

    ready: int
    months: list[str]
    in_default: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ensured:
    """What was done for the months ahead: those made, decisions moved there, and those left in the default partition
    because there are too many to move while writers wait."""

    made: list[str]
    moved: int
    left: list[str]


def is_partitioned(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def ensure_partitions(engine: Engine, now: datetime, months_ahead: int = MONTHS_AHEAD) -> Ensured:
    """Make the partitions of this month and of the next ones, each in a transaction of its own.

    Does nothing on SQLite. Raises InUse when the tables are never free.
    """
    made, moved, left = list[str](), 0, list[str]()
    if is_partitioned(engine):
        for month in _ahead(now, months_ahead):
            found = _ensure(engine, month, now)
            made += [str(month)] if found is not None and found >= 0 else []
            left += [str(month)] if found == TOO_MANY else []
            moved += max(0, found or 0)
    return Ensured(made, moved, left)


def partitions(connection: Connection, now: datetime) -> Partitions | None:
    """How the database is partitioned; None for SQLite."""
    if connection.dialect.name != "postgresql":
        return None
    there = months_of(connection)
    ready = 0
    month = Month.of(now)
    while month in there:
        ready, month = ready + 1, month.next
    counts = {table: count_rows(connection, f"{table}_default", MANY) for table in PARTITIONED}
    return Partitions(ready, [str(one) for one in there], counts)


def months_of(connection: Connection) -> list[Month]:
    """The months for which decisions have a partition, oldest first."""
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass('decisions')"
    found = {Month.named(name) for (name,) in connection.execute(text(query))}
    return sorted((month for month in found if month), key=lambda month: month.start)


def _ahead(now: datetime, months: int) -> Iterator[Month]:
    month = Month.of(now)
    for _ in range(months + 1):
        yield month
        month = month.next


TOO_MANY = -1


def _ensure(engine: Engine, month: Month, now: datetime) -> int | None:
    """Decisions that were moved; None: it is there already; TOO_MANY: they are left."""
    with engine.connect() as connection:
        if month in months_of(connection):
            return None
        crowded = [table for table in PARTITIONED if count_rows(connection, f"{table}_default", MANY) == MANY]
    if month.start > now:  # while there are none of that month
        _say_none(engine, month, crowded)
    return change(engine, lambda connection: _make(connection, month))


def _say_none(engine: Engine, month: Month, tables: list[str]) -> None:
    """Constraints by which PostgreSQL need not read the default partitions when the month is made."""
    for table in tables:
        low, high = month.bounds
        name, key = month.of_table("not"), PARTITIONED[table]
        alter = f"ALTER TABLE {table}_default"
        statements = [
            f"{alter} DROP CONSTRAINT IF EXISTS {name}, "
            f"ADD CONSTRAINT {name} CHECK ({key} < '{low}' OR {key} >= '{high}') NOT VALID",
            f"{alter} VALIDATE CONSTRAINT {name}",
        ]
        for statement in statements:
            change(engine, lambda connection, sql=statement: connection.execute(text(sql)), 0)  # type: ignore[misc]


def _make(connection: Connection, month: Month) -> int | None:
    connection.execute(LOCK)
    if month in months_of(connection):
        return None
    low, high = month.bounds
    there = count_rows(connection, within("decisions_default", "id", month), MOST_MOVED + 1)
    if there > MOST_MOVED:
        return TOO_MANY
    for table in PARTITIONED:
        connection.execute(text(f"CREATE TABLE {month.of_table(table)} (LIKE {table} INCLUDING DEFAULTS)"))
    moved = _move(connection, month) if there else 0
    for table in PARTITIONED:
        name = month.of_table(table)
        attach = f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')"
        drop = f"ALTER TABLE {table}_default DROP CONSTRAINT IF EXISTS {month.of_table('not')}"
        for statement in (attach, drop):
            connection.execute(text(statement))
    pair(connection, month.of_table)
    if moved:
        _put_back(connection)
    return moved


def pair(connection: Connection, name: Any) -> None:
    """Facts and answers of one partition refer to the decisions of the same. ``name``: table -> its partition."""
    for table in ("task_results", "paid_answers"):
        connection.execute(
            text(
                f"ALTER TABLE {name(table)} ADD FOREIGN KEY (decision_id) "
                f"REFERENCES {name('decisions')} (id) ON DELETE CASCADE"
            )
        )


def _move(connection: Connection, month: Month) -> int:
    """What is of the month leaves the default partitions; labels, which go with their decisions, are kept aside."""
    for table in REFERRING:
        rows = f"SELECT * FROM {within(table, 'decision_id', month)}"  # noqa: S608
        connection.execute(text(f"CREATE TEMPORARY TABLE kept_{table} ON COMMIT DROP AS {rows}"))
    moved = 0
    for table, key in reversed(PARTITIONED.items()):  # facts before their decisions
        rows = within(f"{table}_default", key, month)
        connection.execute(text(f"INSERT INTO {month.of_table(table)} SELECT * FROM {rows}"))  # noqa: S608
        moved = connection.execute(text(f"DELETE FROM {rows}")).rowcount  # noqa: S608
    return moved


def _put_back(connection: Connection) -> None:
    for table in REFERRING:
        connection.execute(text(f"INSERT INTO {table} SELECT * FROM kept_{table}"))  # noqa: S608


def within(table: str, key: str, month: Month) -> str:
    """The rows of a table that are of this month, as SQL."""
    low, high = month.bounds
    return f"{table} WHERE {key} >= '{low}' AND {key} < '{high}'"


def count_rows(connection: Connection, rows: str, most: int | None = None) -> int:
    """How many there are, counted to ``most``."""
    found: int = connection.execute(
        text(f"SELECT count(*) FROM (SELECT FROM {rows} LIMIT {most or 'ALL'}) AS rows")  # noqa: S608
    ).scalar_one()
    return found
