"""Deleting decisions that are older than they may be, beside a service that writes.

On PostgreSQL the months that are over as a whole are dropped: nothing is read but their labels, and the tables are held
for milliseconds. The rest goes in small batches along the ids, each a transaction: killed at any moment, it goes on
from there when it is run again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import ProgrammingError

from chalicelib.claim import KEPT
from chalicelib.database_settings import folder_beside
from chalicelib.folder_objects import Folder
from chalicelib.objects import ObjectError
from chalicelib.store.database import Database
from chalicelib.store.ids import first_id
from chalicelib.store.tables import decisions, idempotency
from workbench.retention.dropping import drop_months, months_before
from workbench.retention.files import empty_log, write_over
from workbench.retention.locks import InUse
from workbench.retention.partitions import Ensured, ensure_partitions, is_partitioned
from workbench.retention.rows import (
    BATCH,
    OF_A_DECISION,
    count,
    delete_challenged,
    delete_decisions,
    delete_expired_claims,
    in_turn,
    reading,
)

LEAST = timedelta(days=1)  # so long the reply to an Idempotency-Key is kept
# A keyed request may end as a decision this long after its `now`, which is what counts as the decision's time.
LATEST_ID = KEPT + timedelta(minutes=30)
NO_ID = str(UUID(int=0))  # before all others


@dataclass(slots=True)
class Purged:
    """What was done, or is to be done.

    Args:
        before: decisions of an earlier time are, or were, deleted.
        rows: table -> rows deleted, those of dropped months among them.
        dropped: months whose partitions were dropped.
        texts: large texts that lay beside the database, and were, or are to be, deleted.
        partitions: what was done for the months ahead; None on SQLite.
        problems: what could not be done, as sentences.
    """

    before: datetime
    rows: Counter[str] = field(default_factory=Counter)
    dropped: list[str] = field(default_factory=list)
    texts: int = 0
    partitions: Ensured | None = None
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        made = self.partitions
        return {
            "before": self.before.isoformat(),
            "rows": dict(self.rows),
            "large_texts": self.texts,
            "dropped": self.dropped,
            "partitions": made and {"made": made.made, "moved": made.moved, "left_in_default": made.left},
            "problems": self.problems,
        }


def planned(database: Database, before: datetime, now: datetime) -> Purged:
    """What ``purge`` would do: rows are counted, nothing is changed."""
    with reading(database) as connection:
        old = select(decisions.c.id).where(*_older(before))
        rows = Counter({decisions.name: count(connection, decisions, *_older(before))})
        for table in OF_A_DECISION:
            rows[table.name] = count(connection, table, table.c.decision_id.in_(old))
        rows[idempotency.name] = count(
            connection, idempotency, idempotency.c.expires_at < now, idempotency.c.owned_until < now
        )
        return Purged(before, rows, [str(month) for month in months_before(connection, before)])


def purge(database: Database, before: datetime, now: datetime) -> Purged:
    """Delete what is older. Raises Unavailable when the database stops answering: what was deleted stays deleted."""
    write_over(database)
    done = Purged(before)
    if is_partitioned(database.engine):
        with database.available():
            _purge_months(database, done, now)
    for ids in _batches(database, before):
        with in_turn(database) as connection:
            done.rows += delete_decisions(connection, ids)
    done.rows += delete_challenged(database, first_id(before)) + delete_expired_claims(database, now)
    if problem := empty_log(database):
        done.problems.append(problem)
    return done


def purge_texts(done: Purged, url: str, is_rehearsal: bool) -> None:
    """Delete the large texts of older decisions beside an embedded database, and those that no decision names."""
    root = folder_beside(url)
    if root is None:
        return
    folder = Folder(root)
    for one in folder.before(first_id(done.before)):
        try:
            done.texts += is_rehearsal or folder.delete(one, 0)
        except ObjectError as error:
            done.problems.append(f"large texts in {root.name} cannot be deleted: {error}")
            return


def _purge_months(database: Database, done: Purged, now: datetime) -> None:
    """The partitions: those to come are made, those that are over go. A failure leaves the rest to be purged."""
    try:
        done.partitions = ensure_partitions(database.engine, now)
        for month in drop_months(database.engine, done.before):
            done.rows += month.rows
            done.dropped.append(str(month.month))
    except InUse as error:
        done.problems.append(f"partitions: {error}")
    except ProgrammingError as error:
        done.problems.append(f"partitions cannot be made or dropped ({type(error.orig).__name__})")


def _batches(database: Database, before: datetime) -> Iterator[list[str]]:
    """Ids of decisions that are older, in their order."""
    end, after = first_id(before + LATEST_ID), NO_ID
    while True:
        page = select(decisions.c.id, decisions.c.created_at).where(decisions.c.id > after, decisions.c.id < end)
        with database.read() as connection:
            rows = connection.execute(page.order_by(decisions.c.id).limit(BATCH)).all()
        if not rows:
            return
        after = rows[-1].id
        if old := [row.id for row in rows if row.created_at < before]:
            yield old


def _older(before: datetime) -> tuple[ColumnElement[bool], ...]:
    return decisions.c.id < first_id(before + LATEST_ID), decisions.c.created_at < before
