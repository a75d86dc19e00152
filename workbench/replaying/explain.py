"""One past decision, decided again by the version that decided it: every step's result, and what would have flipped it.

For each parameter the nearest value is looked for under which the outcome is another: first whether one of the ends of
what it may be gives another, or a number that the steps came to, then by halving the distance.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

from sqlalchemy import Engine, select

from chalicelib.rows import FORGOTTEN
from chalicelib.run import Fact, Run
from chalicelib.service import is_uuid
from chalicelib.store.reading import stream
from chalicelib.store.tables import decisions, task_results
from chalicelib.trace import recompute, shown_masked
from chalicelib.usecase import UseCase
from workbench.live import Shown
from workbench.replaying.candidate import Candidate, loaded
from workbench.replaying.curves import range_of, schema_of
from workbench.replaying.errors import CannotReplay
from workbench.replaying.past import Past, pages
from workbench.replaying.ranks import first_of
from workbench.replaying.redo import Redo, Redone
from workbench.replaying.versions import Version, versions_of
from workbench.replaying.window import Window
from workbench.replaying.work import Decider, Job

HALVINGS = 40  # of the distance to a flip, at most
NEAREST = 4  # numbers of the trace that are tried, in each direction
DIGITS = 4  # behind the point, of a value that flips


class Change(NamedTuple):
    """One parameter's nearest value that gives another outcome. ``distance``: how far that is, in units of
    the present one; of one that is 0, of what it may be."""

    parameter: str
    present: Any
    value: Any
    outcome: str
    distance: float

    def __str__(self) -> str:
        return f"{self.parameter} {json.dumps(self.present)} → {json.dumps(self.value)}: {self.outcome}"


@dataclass(frozen=True)
class Explained:
    """A decision with its steps. ``same``: the version decides again as it did. ``changes``: the smallest first."""

    id: str
    at: str
    stage: str
    version: str
    shown: Shown
    same: bool
    label: str = ""
    differs: str = ""
    changes: list[Change] = field(default_factory=list)

    def __repr__(self) -> str:
        return "\n".join([*self._head(), repr(self.shown), *self._tail()])

    def _repr_html_(self) -> str:
        head = "<br>".join(map(escape, self._head()))
        tail = "".join(f"<p>{escape(line)}</p>" for line in self._tail())
        return f"<div><p>{head}</p>{self.shown._repr_html_()}{tail}</div>"

    def _head(self) -> Iterator[str]:
        label = f", labelled {self.label}" if self.label else ""
        yield f"{self.shown.usecase.name} {self.id}, {self.at}, stage {self.stage}, version {self.version}{label}"
        if not self.same:
            yield "decided again, it is another decision: a step is not pure (artemis replay --self-check names it)"
        if self.differs:
            yield f"decided in another runtime: {self.differs}"

    def _tail(self) -> Iterator[str]:
        if not self.changes:
            yield "No change of a single parameter that was tried gives another outcome."
            return
        yield f"The smallest change that flips it: {self.changes[0]}"
        for change in self.changes[1:]:
            yield f"  or {change}"


def explain(engine: Engine, job: Job, decision_id: str) -> Explained:
    """Raises CannotReplay, Unreadable. ``job``: how to open what is stored; its window does not matter."""
    past, stage, use_case = _find(engine, decision_id)
    version = versions_of(engine, use_case, [past.version]).get(past.version)
    if version is None:
        raise CannotReplay(f"the store does not have the code of version {past.version}, which decided {decision_id}")
    job = Job(job.url, job.window, (version.candidate,), {version.name: version}, key_file=job.key_file, memo=False)
    decider = Decider(job, version.candidate)
    again = decider.redo.redo(past)
    if again.unread or again.needs:
        raise CannotReplay(f"decision {decision_id} cannot be decided again: {again.unread or _needs(again)}")
    stored = decider.redo.vault.open(past.decision) if past.decision else None
    search = _Search(decider.redo, version, past, again)
    return Explained(
        past.id,
        past.now.isoformat(timespec="seconds"),
        stage,
        version.name,
        _shown(engine, decider, past, again),
        again.decision == stored,
        past.label.outcome if past.label else "",
        version.differs,
        sorted(search.changes(), key=lambda change: (change.distance, change.parameter)),
    )


def _needs(again: Redone) -> str:
    return f"there is no fact of task {', '.join(task for task, _ in again.needs)}"


def _find(engine: Engine, decision_id: str) -> tuple[Past, str, str]:
    table = decisions.c
    row = None
    if is_uuid(decision_id):
        query = select(table.use_case, table.stage, table.created_at).where(table.id == decision_id)
        row = next(iter(stream(engine, query)), None)
    if row is None:
        raise CannotReplay(f"there is no decision {decision_id!r} in this database")
    from datetime import timedelta

    whole = Window.of(row.use_case, row.created_at, row.created_at + timedelta(microseconds=1))
    before = f"{decision_id[:-12]}{int(decision_id[-12:], 16) - 1:012x}" if int(decision_id[-12:], 16) else ""
    past = next((one for page in pages(engine, whole.between(before, decision_id)) for one in page), None)
    if past is None or past.id != decision_id or past.status == FORGOTTEN:
        raise CannotReplay(f"decision {decision_id} was forgotten: what it was about was erased")
    return past, row.stage, row.use_case


def _shown(engine: Engine, decider: Decider, past: Past, again: Redone) -> Shown:
    """What ``show`` shows, of the facts that were recorded; sensitive values masked."""
    redo, usecase = decider.redo, decider.redo.usecase
    outputs = {task: redo.text(fact.output) for task, fact in past.facts.items() if fact.output is not None}
    logic = recompute(usecase, redo.text(past.request), dict(outputs), past.now, shown_masked)
    found = {name: one["result"] for name, one in logic.items() if "result" in one}
    for step in usecase.graph.steps:
        if step.name in outputs and step.codec:
            found[step.name] = json.loads(_masked(decider, step.codec, outputs[step.name]))
    results = {name: json.dumps(value, ensure_ascii=False) for name, value in found.items()}
    results |= {name: f"failed: {one['error']['type']}" for name, one in logic.items() if "error" in one}
    text, masked = decider.shown(again.decision)
    run = Run(decision=None if text is None else json.dumps(masked, ensure_ascii=False))
    run.facts = list(_failures(engine, past))
    if text is None:
        from chalicelib.run import Failure

        run.failure = Failure("failed", again.failed, {"error": "failed", "message": "the step fails"})
    return Shown(usecase, run, results)


def _masked(decider: Decider, codec: Any, text: str) -> str:
    from chalicelib.sensitive import Masking

    return str(codec.rewrite(text, Masking())) if decider.is_sensitive else text


def _failures(engine: Engine, past: Past) -> Iterator[Fact]:
    """The tasks that failed, for what is degraded."""
    table = task_results.c
    query = select(table.task, table.error, table.fallback_used).where(table.decision_id == past.id)
    for row in stream(engine, query):
        if row.error:
            yield Fact(row.task, "", None, json.loads(row.error), row.fallback_used, [])


class _Search:
    """Looks for the nearest value of each parameter that gives another outcome."""

    def __init__(self, redo: Redo, version: Version, past: Past, again: Redone) -> None:
        self.redo, self.past = redo, past
        self.candidate: Candidate = version.candidate
        self.versions = {version.name: version}
        self.outcome = _outcome(again)
        self.numbers = sorted(_numbers(redo, past))

    def changes(self) -> Iterator[Change]:
        for name in self.redo.usecase.parameters:
            found = [one for one in self._of(name) if one is not None]
            if found:
                yield min(found, key=lambda change: change.distance)

    def _of(self, name: str) -> Iterator[Change | None]:
        usecase, present = self.redo.usecase, self.redo.usecase.parameters[name]
        allowed = range_of(usecase, name)
        if allowed is None:
            yield from self._others(usecase, name, present)
            return
        wide = 10 * (abs(present) or 1)
        low = present - wide if allowed.low is None else allowed.low
        high = present + wide if allowed.high is None else allowed.high
        for end in (low, high):
            value = self._nearest(name, present, end, allowed.whole)
            if value is not None:
                distance = abs(value - present) / (abs(present) or (high - low) or 1)
                yield Change(name, present, value, self._decide(name, value), distance)

    def _others(self, usecase: UseCase, name: str, present: Any) -> Iterator[Change | None]:
        """A truth value's other one, and the other members of a Literal or an Enum."""
        others = [not present] if isinstance(present, bool) else schema_of(usecase, name).get("enum", [])
        for value in others:
            outcome = self._decide(name, value)
            if value != present and outcome not in ("", self.outcome):
                yield Change(name, present, value, outcome, 1.0)

    def _nearest(self, name: str, present: float, end: float, whole: bool) -> float | None:
        """Between the present value and an end of what is allowed."""
        tried = [end, *self._between(present, end, whole)]
        flipped = next((value for value in tried if self._flips(name, value)), None)
        if flipped is None:
            return None
        kept, flip = present, flipped
        for _ in range(HALVINGS):
            if abs(flip - kept) <= (1 if whole else 10**-DIGITS / 2):
                break
            middle = int(kept + (flip - kept) / 2) if whole else kept + (flip - kept) / 2
            if self._flips(name, middle):
                flip = middle
            else:
                kept = middle
        return self._plain(name, kept, flip, whole)

    def _plain(self, name: str, kept: float, flip: float, whole: bool) -> float:
        """The flipping value with few digits, where one is as near."""
        if whole:
            return int(flip)
        same = [number for number in self.numbers if abs(number - flip) <= 10**-DIGITS and self._flips(name, number)]
        if same:  # the number that it is compared with
            return min(same, key=lambda number: abs(number - kept))
        away: Any = math.ceil if flip > kept else math.floor
        for digits in range(DIGITS + 1):
            value: float = round(away(round(flip * 10**digits, 6)) / 10**digits, digits)
            if abs(value - flip) <= 10**-DIGITS and self._flips(name, value):
                return value
        return flip

    def _between(self, present: float, end: float, whole: bool) -> list[float]:
        """Numbers that the steps came to, from near to far: thresholds are compared with them."""
        low, high = min(present, end), max(present, end)
        step = 1 if whole else 10**-DIGITS
        near = sorted((value for value in self.numbers if low < value < high), key=lambda value: abs(value - present))
        found = [other for value in near[:NEAREST] for other in (value, value + step, value - step)]
        return [int(value) if whole else value for value in found if low <= value <= high]

    def _flips(self, name: str, value: Any) -> bool:
        return self._decide(name, value) not in ("", self.outcome)

    def _decide(self, name: str, value: Any) -> str:
        """The outcome under one changed parameter; empty where that cannot be said."""
        try:
            with loaded(self.candidate.under({name: value})) as usecase:
                redo = Redo(usecase, self.versions, self.redo.vault, self.redo.fetch, memo=False)
                redone = redo.redo(self.past)
        except CannotReplay:
            return ""
        return "" if redone.needs or redone.unread else _outcome(redone)


def _outcome(redone: Redone) -> str:
    """What counts as the same: the outcome; of a ranking who is first."""
    if redone.decision is None:
        return f"failed in {redone.failed}"
    decision = json.loads(redone.decision)
    outcome = decision.get("outcome")
    return outcome if isinstance(outcome, str) else f"first: {first_of(decision)}"


def _numbers(redo: Redo, past: Past) -> set[float]:
    """Every number in the steps' results and in the facts."""
    outputs = {task: redo.text(fact.output) for task, fact in past.facts.items() if fact.output is not None}
    logic = recompute(redo.usecase, redo.text(past.request), dict(outputs), past.now)
    found = set[float]()
    waiting: list[Any] = [one.get("result") for one in logic.values()] + [json.loads(text) for text in outputs.values()]
    while waiting and len(found) < 10_000:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found.add(value)
    return found
