"""Past decisions with their facts and labels, read in pages: memory stays flat however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, DateTime, Engine, Select, String, Text, cast, select, type_coerce

from chalicelib.store.tables import decisions, label_samples, labels, task_results
from workbench.replaying.window import ID_TEXT, Window
from workbench.retention.rows import of
from workbench.snapshots import answering, reading, snapshot

PAGE = 1_000  # decisions in memory at a time


class Fact(NamedTuple):
    """What a task gave. ``output``: JSON text, of one that ``failed`` its fallback's or None."""

    key: str
    output: str | None
    failed: bool


class Label(NamedTuple):
    """The last that people said about a decision. ``weight``: how many it stands for; None: it was not drawn."""

    outcome: str
    weight: float | None


class Past(NamedTuple):
    """A decision as it is stored; ``request``, ``decision`` and facts' outputs as their columns have them."""

    id: str
    version: str
    status: str
    outcome: str | None
    request: str
    decision: str | None
    failure: str | None
    now: datetime
    salt: str | None
    facts: dict[str, Fact]
    label: Label | None


def pages(engine: Engine, window: Window) -> Iterator[list[Past]]:
    """Decisions, oldest first, forgotten ones too. Raises Unreadable when the database stops answering."""
    after = window.after
    with answering(), reading(engine) as connection:
        with snapshot(connection):
            is_labelled = connection.execute(select(labels.c.id).limit(1)).first() is not None
        reader = _Reader(connection, window, is_labelled)
        while True:
            with snapshot(connection):
                found = connection.execute(_page(engine, window, after)).all()
                made = reader.made(found) if found else []
            if made:
                yield made
            if len(found) < PAGE:
                return
            after = found[-1][0]


def _page(engine: Engine, window: Window, after: str) -> Select[Any]:
    table = decisions.c
    plain = String() if engine.dialect.name == "sqlite" else DateTime(timezone=True)
    columns = table.version, table.status, table.outcome, table.request, table.decision, table.failure
    time = type_coerce(table.created_at, plain)  # without SQLAlchemy's own conversion, which is slower than ours
    query = select(ID_TEXT, *columns, time, table.salt, table.stage)
    return query.where(*window.between(after, window.upto).conditions()).order_by(table.id).limit(PAGE)


class _Reader:
    """Reads what belongs to a page's decisions."""

    def __init__(self, connection: Connection, window: Window, is_labelled: bool) -> None:
        self.connection, self.window, self.is_labelled = connection, window, is_labelled
        self.time_of = _text_time if connection.dialect.name == "sqlite" else _utc
        self.by_range = True

    def made(self, found: Sequence[Any]) -> list[Past]:
        window, time_of, ids = self.window, self.time_of, [row[0] for row in found]
        facts, said = self._facts(ids), _labels(self.connection, ids) if self.is_labelled else {}
        made = []
        for decision_id, version, status, outcome, request, decision, failure, time, salt, stage in found:
            now = time_of(time)
            if window.since <= now < window.until and window.stage in (None, stage):
                own, label = facts[decision_id], said.get(decision_id)
                head = decision_id, version, status, outcome, request, decision, failure, now, salt
                made.append(Past(*head, own, label))
        return made

    def _facts(self, ids: Sequence[str]) -> dict[str, dict[str, Fact]]:
        """Decision -> task -> fact.

        A range of ids is read in half the time of a list of them, as long as few decisions of other use cases lie in
        between.
        """
        table = task_results.c
        columns = cast(table.decision_id, Text), table.task, table.fact_key, table.output, table.error.is_not(None)
        conditions = [table.decision_id.between(ids[0], ids[-1])] if self.by_range else [of(table.decision_id, ids)]
        grouped: dict[str, dict[str, Fact]] = {decision_id: {} for decision_id in ids}
        result: Any = self.connection.execute(select(*columns).where(*conditions))
        rows, strange = result.cursor.fetchall(), 0  # the driver's own tuples: SQLAlchemy's rows take as long again
        for decision_id, task, key, output, failed in rows:
            if decision_id in grouped:
                grouped[decision_id][task] = Fact(key, output, failed)
            else:
                strange += 1
        self.by_range = self.by_range and strange <= len(rows) / 2
        return grouped


def _text_time(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


def _utc(time: datetime) -> datetime:
    return time.astimezone(UTC)


def labels_in(connection: Connection, window: Window) -> dict[str, Label]:
    """Decision -> its last label, of all that are labelled in a window: few, as people said them."""
    query = select(cast(labels.c.decision_id, Text)).distinct()
    query = query.join_from(labels, decisions).where(*window.conditions())
    ids = sorted(connection.scalars(query))
    found: dict[str, Label] = {}
    for start in range(0, len(ids), PAGE):
        found |= _labels(connection, ids[start : start + PAGE])
    return found


def _labels(connection: Connection, ids: Sequence[str]) -> dict[str, Label]:
    """Decision -> its last label."""
    table = labels.c
    query = select(cast(table.decision_id, Text), table.outcome).where(of(table.decision_id, ids)).order_by(table.id)
    said = {decision_id: str(outcome) for decision_id, outcome in connection.execute(query)}
    if not said:
        return {}
    weights = _weights(connection, sorted(said))
    return {decision_id: Label(outcome, weights.get(decision_id)) for decision_id, outcome in said.items()}


def _weights(connection: Connection, ids: Sequence[str]) -> dict[str, float]:
    """Decision -> how many it stands for: one over the chance of being in any of the samples that it is in."""
    table = label_samples.c
    missed: dict[str, float] = {}
    for decision_id, weight in connection.execute(
        select(cast(table.decision_id, Text), table.weight).where(of(table.decision_id, ids))
    ):
        missed[decision_id] = missed.get(decision_id, 1.0) * (1 - 1 / max(1.0, weight))
    return {decision_id: 1 / (1 - chance) for decision_id, chance in missed.items()}
