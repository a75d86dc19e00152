"""One past decision, decided again by the version that decided it: its steps, and what would have flipped it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html import escape
from typing import Any

from sqlalchemy import Engine, select

from chalicelib.rows import FORGOTTEN
from chalicelib.run import Fact, Failure, Run
from chalicelib.sensitive import Masking
from chalicelib.service import is_uuid
from chalicelib.store.reading import stream
from chalicelib.store.tables import decisions, task_results
from chalicelib.trace import recompute, shown_masked
from workbench.live import Shown
from workbench.replaying.errors import CannotReplay
from workbench.replaying.past import Past, pages
from workbench.replaying.redo import Redone
from workbench.replaying.smallest import Change, smallest_changes
from workbench.replaying.versions import versions_of
from workbench.replaying.window import Window
from workbench.replaying.work import Decider, Job, checked_reader


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


def explain(url: str, key_file: str, decision_id: str) -> Explained:
    """Raises CannotReplay, SettingsError, Unreadable. ``key_file``: as of ``Job``."""
    engine = checked_reader(url)
    past, stage, window = _find(engine, decision_id)
    version = versions_of(engine, window.use_case, [past.version]).get(past.version)
    if version is None:
        raise CannotReplay(f"the store does not have the code of version {past.version}, which decided {decision_id}")
    job = Job(url, window, (version.candidate,), {version.name: version}, key_file, memo=False)
    decider = Decider(job, version.candidate)
    again = decider.redo.redo(past)
    if again.unread or again.needs:
        raise CannotReplay(f"decision {decision_id} cannot be decided again: {again.unread or _needs(again)}")
    stored = decider.redo.vault.open(past.decision) if past.decision else None
    return Explained(
        past.id,
        past.now.isoformat(timespec="seconds"),
        stage,
        version.name,
        _shown(engine, decider, past, again),
        again.decision == stored,
        past.label.outcome if past.label else "",
        version.differs,
        smallest_changes(decider.redo, version, past, again),
    )


def _needs(again: Redone) -> str:
    return f"there is no fact of task {', '.join(task for task, _ in again.needs)}"


def _find(engine: Engine, decision_id: str) -> tuple[Past, str, Window]:
    """A decision, its stage, and a window around it."""
    table = decisions.c
    row = None
    if is_uuid(decision_id):
        query = select(table.use_case, table.stage, table.created_at).where(table.id == decision_id)
        row = next(iter(stream(engine, query)), None)
    if row is None:
        raise CannotReplay(f"there is no decision {decision_id!r} in this database")
    whole = Window.of(row.use_case, row.created_at, row.created_at + timedelta(microseconds=1))
    before = f"{decision_id[:-12]}{int(decision_id[-12:], 16) - 1:012x}" if int(decision_id[-12:], 16) else ""
    past = next((one for page in pages(engine, whole.between(before, decision_id)) for one in page), None)
    if past is None or past.id != decision_id or past.status == FORGOTTEN:
        raise CannotReplay(f"decision {decision_id} was forgotten: what it was about was erased")
    return past, row.stage, whole


def _shown(engine: Engine, decider: Decider, past: Past, again: Redone) -> Shown:
    """What ``show`` shows, of the facts that were recorded; sensitive values masked."""
    redo, usecase = decider.redo, decider.redo.usecase
    record, outputs = redo.inputs(past)
    logic = recompute(usecase, record, outputs, past.now, shown_masked)
    found = {name: one["result"] for name, one in logic.items() if "result" in one}
    for step in usecase.graph.steps:
        if step.name in outputs and step.codec:
            found[step.name] = json.loads(_masked(decider, step.codec, outputs[step.name]))
    results = {name: json.dumps(value, ensure_ascii=False) for name, value in found.items()}
    results |= {name: f"failed: {one['error']['type']}" for name, one in logic.items() if "error" in one}
    text, masked = decider.shown(again.decision)
    if text is not None:
        results["decide"] = json.dumps(masked, ensure_ascii=False)
    run = Run(decision=None if text is None else json.dumps(masked, ensure_ascii=False))
    run.facts = list(_failures(engine, past))
    if text is None:
        run.failure = Failure("failed", again.failed, {"error": "failed", "message": "the step fails"})
    return Shown(usecase, run, results)


def _masked(decider: Decider, codec: Any, text: str) -> str:
    return str(codec.rewrite(text, Masking())) if decider.is_sensitive else text


def _failures(engine: Engine, past: Past) -> Iterator[Fact]:
    """The tasks that failed, for what is degraded."""
    table = task_results.c
    query = select(table.task, table.error, table.fallback_used).where(table.decision_id == past.id)
    for row in stream(engine, query):
        if row.error:
            yield Fact(row.task, "", None, json.loads(row.error), row.fallback_used, [])
