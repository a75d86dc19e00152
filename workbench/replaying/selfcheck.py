"""The self-check: each version, run again under its own parameters, has to decide what it decided, to the last byte.

What differs was not decided by the facts alone: a step looked at something else. Which step is found by running the
decision again, twice here and in processes with other seeds of their hashes: a step that does not always give the same
is named.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from chalicelib.facts import canonical
from chalicelib.rows import FORGOTTEN
from chalicelib.trace import recompute
from chalicelib.usecase import UseCase
from workbench.project import Project
from workbench.replaying.candidate import Candidate
from workbench.replaying.errors import CannotReplay
from workbench.replaying.past import Past, pages
from workbench.replaying.redo import Redo, Redone, failed_step, is_late
from workbench.replaying.run import Asked, opened
from workbench.replaying.versions import Version, versions_of
from workbench.replaying.work import Decider, Job, collected, key_file_of, reader

SEEDS = ("1", "2")  # of other processes' hashes
LOOKED_AT = 10  # differing decisions of a version that are run again
SHOWN = 10
Case = tuple[str, dict[str, str], datetime]  # the request's record, task -> its result, the decision's time
ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of an object that has no text of its own: different each time


@dataclass(frozen=True, slots=True)
class Differing:
    """A decision that was not reproduced. ``stored`` and ``again`` are JSON texts, or which step failed."""

    id: str
    version: str
    stored: str
    again: str


@dataclass
class Check:
    """``checked`` of them were run again, ``same`` came out the same. ``apart``: why others could not be.

    ``impure``: (version, step) -> decisions in which it did not always give the same.
    """

    use_case: str
    checked: int = 0
    same: int = 0
    apart: Counter[str] = field(default_factory=Counter)
    examples: list[Differing] = field(default_factory=list)
    impure: Counter[tuple[str, str]] = field(default_factory=Counter)
    unexplained: dict[str, str] = field(default_factory=dict)
    runtimes: dict[str, str] = field(default_factory=dict)

    @property
    def differing(self) -> int:
        return self.checked - self.same

    def as_dict(self) -> dict[str, Any]:
        return {
            "use_case": self.use_case,
            "checked": self.checked,
            "same": self.same,
            "differing": self.differing,
            "apart": dict(self.apart),
            "impure_steps": [
                {"version": version, "step": step, "decisions": n} for (version, step), n in self.impure.items()
            ],
            "unexplained": self.unexplained,
            "examples": [
                {"id": one.id, "version": one.version, "stored": one.stored, "again": one.again}
                for one in self.examples
            ],
            "other_runtimes": self.runtimes,
        }

    def text(self) -> str:
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        verdict = "all of them decide again as they did" if not self.differing else f"{self.differing:,} do not"
        yield f"{self.checked:,} decisions of {self.use_case} run again by the version that decided: {verdict}"
        for (version, step), count in self.impure.most_common():
            yield f"  the step {step!r} of version {version} is not pure: it gave several results ({count:,} decisions)"
        for version, why in self.unexplained.items():
            yield f"  version {version}: {why}"
        for one in self.examples:
            yield f"  {one.id}: stored {one.stored}, again {one.again}"
        if self.apart:
            yield "not run again: " + "; ".join(f"{why} ({count:,})" for why, count in self.apart.most_common())
        for version, differs in self.runtimes.items():
            yield f"version {version} decided in another runtime: {differs}"


def self_check(project: Project, url: str, asked: Asked) -> Check:
    """Run every decision of the period again. Raises as ``Replay`` does."""
    engine, window, content = opened(url, asked)
    versions = versions_of(engine, asked.use_case, content.versions)
    job = Job(url, window, (), versions, key_file_of(project), memo=False)
    check = Check(asked.use_case, runtimes={name: one.differs for name, one in versions.items() if one.differs})
    redos = {name: Decider(job, one.candidate).redo for name, one in versions.items()}
    suspects = _run(job, check, redos)
    if not check.checked:
        why = "; ".join(f"{reason} ({count:,})" for reason, count in check.apart.most_common(3))
        raise CannotReplay(f"no decision of {asked.use_case} can be run again: {why}")
    for name, pasts in suspects.items():
        _explain(check, versions[name], redos[name], pasts)
    return check


def _run(job: Job, check: Check, redos: dict[str, Redo]) -> dict[str, list[Past]]:
    """Count; gives some of the decisions of each version that differ."""
    suspects: dict[str, list[Past]] = {}
    for page in collected(pages(reader(job.url), job.window)):
        # in another order: a step that counts its calls would find them as they came
        Random(len(page)).shuffle(page)  # noqa: S311
        for past in page:
            redo = redos.get(past.version)
            if redo is None or (why := _not_comparable(past)):
                check.apart["the store does not have their version" if redo is None else why] += 1
            elif not _is_same(check, redo, past):
                some = suspects.setdefault(past.version, [])
                some.extend([past] if len(some) < LOOKED_AT else [])
    return suspects


def _not_comparable(past: Past) -> str:
    if past.status == FORGOTTEN:
        return FORGOTTEN
    return "failed by their deadline: time is not replayed" if is_late(past) else ""


def _is_same(check: Check, redo: Redo, past: Past) -> bool:
    again = redo.redo(past)
    if again.unread:
        check.apart[again.unread] += 1
        return True
    check.checked += 1
    stored = redo.vault.open(past.decision) if past.decision else None
    same = not again.needs and again.decision == stored and failed_step(past) == again.failed
    check.same += same
    if not same and len(check.examples) < SHOWN:
        said = stored or f"failed in {failed_step(past)}"
        if redo.usecase.sensitive:
            said, again = "(sensitive)", Redone(decision="(sensitive)")
        check.examples.append(Differing(past.id, past.version, said, _said(again)))
    return same


def _said(again: Redone) -> str:
    if again.needs:
        return f"the facts of {', '.join(task for task, _ in again.needs)} answer another question"
    return again.decision or f"failed in {again.failed}"


def _explain(check: Check, version: Version, redo: Redo, pasts: list[Past]) -> None:
    """Which steps of a version do not always give the same."""
    cases = [(*redo.inputs(past), past.now) for past in pasts]
    here = [run_steps(redo.usecase, cases, seed) for seed in ("", "0")]
    elsewhere = [_in_process(version.candidate, cases, seed) for seed in SEEDS]
    found = Counter[str]()
    for runs in zip(*here, *elsewhere, strict=True):
        if name := _first_differing(redo.usecase, runs):
            found[name] += 1
    check.impure.update({(version.name, name): count for name, count in found.items()})
    if not found:
        check.unexplained[version.name] = (
            "every step gives the same in four runs, yet not what it gave then: the runtime, a file, the clock or the "
            "environment that a step looks at has changed"
        )


def _first_differing(usecase: UseCase, runs: tuple[dict[str, str], ...]) -> str:
    """The first step that differs between runs: what comes after it may differ because of it."""
    for step in usecase.graph.steps:
        if len({run.get(step.name) for run in runs}) > 1:
            return step.name
    return ""


def run_steps(usecase: UseCase, cases: list[Case], seed: str) -> list[dict[str, str]]:
    """Of each case: step -> its result, or what it raised, as text. ``seed``: of the order they are run in; empty: as
    they come. The first of another order is run once more, so that what is counted gets out of step, too."""
    order = list(range(len(cases)))
    if seed:
        Random(seed).shuffle(order)  # noqa: S311
        order.insert(0, order[-1])
    found: dict[int, dict[str, str]] = {}
    for at in order:
        record, outputs, now = cases[at]
        made = recompute(usecase, record, outputs, now)
        found[at] = {name: ADDRESS.sub("", canonical(one)) for name, one in made.items()}
    return [found[at] for at in range(len(cases))]


def _in_process(candidate: Candidate, cases: list[Case], seed: str) -> list[dict[str, str]]:
    """The same in a process of its own, whose sets and dicts are in another order."""
    import os
    import pickle

    done = subprocess.run(
        [sys.executable, "-m", "workbench.replaying.selfcheck"],
        input=pickle.dumps((candidate, cases, seed)),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": seed},
    )
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def _child() -> None:
    import pickle

    candidate, cases, seed = pickle.load(sys.stdin.buffer)  # noqa: S301 (from the process that started this one)
    print(json.dumps(run_steps(candidate.load(), cases, seed)))


if __name__ == "__main__":
    _child()
