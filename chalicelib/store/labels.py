"""What people said the right outcomes were. Labels are added, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, insert, select, text

from chalicelib.store.database import Database
from chalicelib.store.tables import decisions, labels

BATCH = 500  # ids or rows in one statement
IMPORTS = 0x6C6162656C73  # "labels": the advisory lock under which files are imported, one at a time

Item = TypeVar("Item")


class Labelled(NamedTuple):
    """What of a decision matters for its labels. ``outcome`` is the decision's own."""

    use_case: str
    status: str
    outcome: str | None


class Labels:
    """The labels of decisions. Every method raises Unavailable when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, decision_id: str) -> list[dict[str, Any]]:
        """A decision's labels, oldest first."""
        query = select(labels).where(labels.c.decision_id == decision_id).order_by(labels.c.id)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def add(self, label: dict[str, Any]) -> bool:
        """Store a label; False when its decision was forgotten meanwhile, or is gone: nothing is stored then."""
        with self._database.begin() as connection:
            if not _hold(connection, [label["decision_id"]]):
                return False
            connection.execute(insert(labels).values(label))
            return True

    def about(self, ids: Iterable[str]) -> dict[str, Labelled]:
        """Those of the decisions that there are."""
        table = decisions.c
        found: dict[str, Labelled] = {}
        with self._database.read() as connection:
            for some in batches(ids):
                query = select(table.id, table.use_case, table.status, table.outcome).where(table.id.in_(some))
                found |= {row.id: Labelled(row.use_case, row.status, row.outcome) for row in connection.execute(query)}
        return found

    def add_new(self, rows: Sequence[dict[str, Any]]) -> int | list[str]:
        """Store those labels that are not there yet, all in one transaction.

        The same label is the same decision, outcome, who and reason; one that stands in ``rows`` twice is stored once.
        Two imports wait for each other, so that both cannot add the same.

        Returns: how many were stored; or the ids of decisions that were forgotten meanwhile: then nothing was.
        """
        ids = {row["decision_id"] for row in rows}
        with self._database.begin() as connection:
            if self._database.dialect.name == "postgresql":
                _wait_for_others(connection)
            missing = ids - _hold(connection, ids)
            if missing:
                return sorted(missing)
            known = _known(connection, ids)
            new: dict[tuple[Any, ...], dict[str, Any]] = {}
            for row in rows:
                if _same(row) not in known:
                    new.setdefault(_same(row), row)
            for some in batches(new.values()):
                connection.execute(insert(labels), some)
        return len(new)


def _wait_for_others(connection: Connection) -> None:
    """However long an import takes, the next one waits for its end; for rows it waits as little as anybody."""
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": IMPORTS})
    connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def batches(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """The items, ``size`` at a time."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


def _hold(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Those of the decisions that are not forgotten, and cannot be before this transaction ends."""
    query = select(decisions.c.id).where(decisions.c.status != "forgotten").with_for_update(read=True)
    return {
        row[0] for some in batches(sorted(ids)) for row in connection.execute(query.where(decisions.c.id.in_(some)))
    }


def _known(connection: Connection, ids: Iterable[str]) -> set[tuple[Any, ...]]:
    columns = labels.c.decision_id, labels.c.outcome, labels.c.who, labels.c.reason
    query = select(*columns)
    found = (connection.execute(query.where(labels.c.decision_id.in_(some))) for some in batches(ids))
    return {tuple(row) for rows in found for row in rows}


def _same(row: dict[str, Any]) -> tuple[Any, ...]:
    """What makes two labels the same."""
    return row["decision_id"], row["outcome"], row["who"], row["reason"]
