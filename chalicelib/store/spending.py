"""What calls of models there were: read for sums over a period, without changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import Engine, Select, select

from chalicelib.store.ids import first_id
from chalicelib.store.reading import stream
from chalicelib.store.tables import decisions, task_results


class Spent(NamedTuple):
    """The calls of one task of one decision, as JSON text: a list of ``chalicelib.asking.Call.as_dict()``."""

    use_case: str
    task: str
    calls: str


def calls_since(
    engine: Engine, since: datetime, use_case: str | None = None, stage: str | None = None
) -> Iterator[Spent]:
    """The calls of every task that made any, of decisions taken at ``since`` or later, in no order.

    Raises Unreadable when the database stops answering.
    """
    for row in stream(engine, _query(since, use_case, stage)):
        yield Spent(row.use_case, row.task, row.calls)


def seen(engine: Engine, column: Literal["use_case", "stage"]) -> set[str]:
    """The use cases, or the stages, of all decisions there are. Raises Unreadable as above."""
    return {row[0] for row in stream(engine, select(decisions.c[column]).distinct())}


def _query(since: datetime, use_case: str | None, stage: str | None) -> Select[tuple[str, str, str]]:
    """Bounded by the ids, which are indexed and ordered by time, and by the time itself, which may be earlier."""
    first = first_id(since)
    query = (
        select(decisions.c.use_case, task_results.c.task, task_results.c.calls)
        .join_from(decisions, task_results)
        .where(decisions.c.id >= first, task_results.c.decision_id >= first)  # of both tables: each has partitions
        .where(decisions.c.created_at >= since, task_results.c.calls != "[]")
    )
    if use_case is not None:
        query = query.where(decisions.c.use_case == use_case)
    return query if stage is None else query.where(decisions.c.stage == stage)
