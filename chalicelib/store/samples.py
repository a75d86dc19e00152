"""Drawing decisions to be labelled, and keeping what each of them stands for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import func, insert, select

from chalicelib.store.database import Database
from chalicelib.store.ids import first_id
from chalicelib.store.labels import batches
from chalicelib.store.reading import stream
from chalicelib.store.tables import decisions, label_samples, labels


class Member(NamedTuple):
    """One decision of the population."""

    id: str
    outcome: str | None
    stage: str


class Samples:
    """The population, and samples of it. Every method but ``population`` raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def population(self, use_case: str, since: datetime, stage: str | None = None) -> Iterator[Member]:
        """The decisions of a use case taken at ``since`` or later, in no order, one by one.

        What failed or was forgotten is none of them. Raises Unreadable when the database stops answering.
        """
        table = decisions.c
        query = select(table.id, table.outcome, table.stage).where(
            table.use_case == use_case,
            table.id >= first_id(since),
            table.created_at >= since,
            table.status == "decided",
        )
        query = query if stage is None else query.where(table.stage == stage)
        return map(Member._make, stream(self._database.engine, query))

    def drawn(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Id -> outcome, time and request of a decision, and how many ``labels`` it has."""
        table = decisions.c
        found: dict[str, dict[str, Any]] = {}
        with self._database.read() as connection:
            for some in batches(ids):
                query = select(table.id, table.outcome, table.created_at, table.request).where(table.id.in_(some))
                found |= {row["id"]: {**row, "labels": 0} for row in connection.execute(query).mappings()}
                counted = select(labels.c.decision_id, func.count()).group_by(labels.c.decision_id)
                for decision_id, count in connection.execute(counted.where(labels.c.decision_id.in_(some))):
                    found[decision_id]["labels"] = count
        return found

    def save(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store a sample: rows of ``label_samples``, in one transaction."""
        with self._database.begin() as connection:
            for some in batches(rows):
                connection.execute(insert(label_samples), some)
