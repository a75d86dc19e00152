"""Decisions of one use case for analysis elsewhere: a row each, with its facts, labels and weights.

They are read in pages along the index that ends in the id. Each page, with all that belongs to its decisions, is
one snapshot and few short statements: memory stays flat, no transaction is open while a page is written, and no
decision is read without its facts when it is purged or forgotten at that moment.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Engine, Select, select

from chalicelib.facts import canonical
from chalicelib.sensitive import masked
from chalicelib.store.ids import first_id
from chalicelib.store.reading import stream
from chalicelib.store.tables import decisions, label_samples, labels, task_results
from workbench.snapshots import answering, reading, snapshot

PAGE = 500  # decisions in memory at a time
# A keyed request's decision has the time of the first attempt and the id of the last, which comes within a day.
RETRIED_WITHIN = timedelta(days=2)

Kind = Literal["text", "number", "time", "json"]
COLUMNS: dict[str, Kind] = {
    "id": "text",
    "use_case": "text",
    "version": "text",
    "stage": "text",
    "client": "text",
    "subject": "text",
    "status": "text",  # decided or failed
    "outcome": "text",
    "created_at": "time",
    "duration_ms": "number",
    "degraded": "json",
    "request": "json",
    "decision": "json",
    "failure": "json",
    "facts": "json",  # task -> result; of a task that fell back, the fallback
    "errors": "json",  # task -> why it gave no result of its own
    "models": "json",  # each model that was called, once a task
    "labels": "json",  # what people said, oldest first
    "samples": "json",  # in which samples it was drawn to be labelled, and how many decisions it stands for there
}

MODEL = "capability", "provider", "model", "version"
OWN = tuple(name for name in COLUMNS if name in decisions.c)  # in the row of the decision itself

Row = dict[str, Any]
"""A value for each of COLUMNS; those of kind ``json`` as JSON texts."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which decisions: taken at ``since`` or later and before ``until``; None: any outcome, any stage."""

    use_case: str
    since: datetime
    until: datetime
    outcome: str | None = None
    stage: str | None = None

    def page(self, after: str) -> Select[Any]:
        """The decisions that come next in the index; those that are not meant are sorted out when they are read,
        so that no statement takes long where few are."""
        table = decisions
        query = select(*(table.c[name] for name in OWN)).where(table.c.use_case == self.use_case, table.c.id > after)
        if self.outcome is not None:
            query = query.where(table.c.outcome == self.outcome)
        return query.where(table.c.id < first_id(self.until + RETRIED_WITHIN)).order_by(table.c.id).limit(PAGE)

    def means(self, row: Any) -> bool:
        return self.since <= row.created_at < self.until and self.stage in (None, row.stage)


@dataclass(slots=True)
class Export:
    """Reading what is wanted. ``counts`` has what was found so far, by status; forgotten decisions are no rows.

    ``fetch`` gives the text that a column stands for.
    """

    engine: Engine
    wanted: Wanted
    counts: Counter[str] = field(default_factory=Counter)
    fetch: Callable[[str], str] = str

    def pages(self) -> Iterator[list[Row]]:
        """Rows, oldest first, some at a time. Raises Unreadable when the database stops answering."""
        after = first_id(self.wanted.since)
        with answering(), reading(self.engine) as connection:
            while True:
                with snapshot(connection):
                    found = connection.execute(self.wanted.page(after)).all()
                    rows = self._rows(connection, found)
                if rows:
                    yield rows
                if len(found) < PAGE:
                    return
                after = found[-1].id

    def _rows(self, connection: Connection, found: Sequence[Any]) -> list[Row]:
        meant = [row for row in found if self.wanted.means(row)]
        self.counts.update(row.status for row in meant)
        kept = [row for row in meant if row.status != "forgotten"]
        if not kept:
            return []
        ids = [row.id for row in kept]
        facts, said, drawn = _facts(connection, ids), _labels(connection, ids), _samples(connection, ids)
        return [
            _row(row, facts.get(row.id, []), said.get(row.id, []), drawn.get(row.id, []), self.fetch) for row in kept
        ]


def outcomes(engine: Engine, use_case: str) -> set[str]:
    """Every outcome that was ever decided. Raises Unreadable."""
    table = decisions
    query = select(table.c.outcome).distinct().where(table.c.use_case == use_case, table.c.outcome.is_not(None))
    return {row.outcome for row in stream(engine, query)}


def _row(row: Any, facts: list[Any], said: list[Any], drawn: list[Any], fetch: Callable[[str], str]) -> Row:
    return dict(zip(OWN, row, strict=True)) | {
        "degraded": masked(row.degraded),
        "request": masked(fetch(row.request)),
        "decision": row.decision and masked(row.decision),
        "failure": row.failure and masked(_discreet(row.failure)),
        "facts": _object((fact.task, masked(fetch(fact.output))) for fact in facts if fact.output is not None),
        "errors": _object((fact.task, masked(_discreet(fact.error))) for fact in facts if fact.error),
        "models": _list(_models(facts)),
        "labels": _list(_label(one) for one in said),
        "samples": _list({"sample": one.sample, "stratum": one.stratum, "weight": one.weight} for one in drawn),
    }


def _object(members: Iterator[tuple[str, str]]) -> str:
    """A JSON object; the values are JSON texts already."""
    return "{" + ",".join(f"{_quoted(name)}:{text}" for name, text in members) + "}"


_quoted = cache(canonical)  # tasks' names: few, and asked for with every fact


def _list(items: Iterable[dict[str, Any]]) -> str:
    found = list(items)
    return canonical(found) if found else "[]"


def _label(one: Any) -> dict[str, str]:
    return {"outcome": one.outcome, "who": one.who, "created_at": one.created_at.isoformat()}


def _discreet(text: str) -> str:
    """An error without what an exception said: it may name people, addresses or secrets."""
    described = json.loads(text)
    for one in (described, described.get("error")):
        if isinstance(one, dict):
            one.pop("message", None)
    return canonical(described)


def _models(facts: list[Any]) -> list[dict[str, str]]:
    called = [(fact.task, call) for fact in facts if fact.calls != "[]" for call in json.loads(fact.calls)]
    found = {(task, *(call[name] for name in MODEL)) for task, call in called}
    return [dict(zip(("task", *MODEL), one, strict=True)) for one in sorted(found)]


def _facts(connection: Connection, ids: list[str]) -> dict[str, list[Any]]:
    table = task_results
    columns = table.c.decision_id, table.c.task, table.c.output, table.c.error, table.c.calls
    return _grouped(connection, select(*columns).where(table.c.decision_id.in_(ids)).order_by(table.c.task))


def _labels(connection: Connection, ids: list[str]) -> dict[str, list[Any]]:
    table = labels
    columns = table.c.decision_id, table.c.outcome, table.c.who, table.c.created_at
    return _grouped(connection, select(*columns).where(table.c.decision_id.in_(ids)).order_by(table.c.id))


def _samples(connection: Connection, ids: list[str]) -> dict[str, list[Any]]:
    table = label_samples
    columns = table.c.decision_id, table.c.sample, table.c.stratum, table.c.weight
    return _grouped(connection, select(*columns).where(table.c.decision_id.in_(ids)).order_by(table.c.sample))


def _grouped(connection: Connection, query: Select[Any]) -> dict[str, list[Any]]:
    """Rows by their decision's id."""
    found: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.decision_id].append(row)
    return found
