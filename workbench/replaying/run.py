"""A replay from its first question to its report."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import Engine

from chalicelib.calling.routing import Routing
from chalicelib.usecase import UseCase
from workbench import pricing
from workbench.project import Project
from workbench.replaying import sources
from workbench.replaying.agreement import agreement
from workbench.replaying.candidate import Candidate, is_same_code
from workbench.replaying.curves import POINTS, Curve, Point, around, range_of, values_between
from workbench.replaying.errors import CannotReplay
from workbench.replaying.needs import needs_of
from workbench.replaying.report import Report
from workbench.replaying.spread import spread
from workbench.replaying.tally import Tally
from workbench.replaying.versions import Version, versions_of
from workbench.replaying.window import Content, Window, latest, parts, settle
from workbench.replaying.work import Job, Tell, checked_reader, key_file_of, silent

PART = 5_000  # decisions that a worker gets at a time
CURVED = 10_000  # of the newest decisions a report's curves are of


@dataclass(frozen=True)
class Asked:
    """What is to be replayed, and as what: the working notebook, ``notebook``, ``revision`` or ``version``.

    ``stage`` None: the only one on which was decided. ``limit``: the newest so many. ``settings``: parameter -> value.
    """

    use_case: str
    since: datetime
    until: datetime
    stage: str | None = None
    limit: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    notebook: Path | None = None
    revision: str | None = None
    version: str | None = None
    workers: int = 1
    dask: str | None = None


def opened(url: str, asked: Asked) -> tuple[Engine, Window, Content]:
    """What is asked about, cut to its limit, and what there is of it without one.

    Raises CannotReplay, SettingsError (another schema), Unreadable.
    """
    engine = checked_reader(url)
    settled, content = settle(engine, Window.of(asked.use_case, asked.since, asked.until, asked.stage))
    return engine, latest(engine, settled, asked.limit), content


class Replay:
    """A window, a candidate, and the versions that decided: everything is settled before a decision is read.

    Raises CannotReplay, SettingsError (another schema), Unreadable. Nothing is written.
    """

    def __init__(self, project: Project, url: str, asked: Asked) -> None:
        self.project, self.url, self.asked = project, url, asked
        self.engine, self.window, self.content = opened(url, asked)
        self.stage: str = self.window.stage or ""
        self.candidate = self._candidate().under(asked.settings)
        self.usecase: UseCase = self.candidate.load()
        self.versions: dict[str, Version] = versions_of(self.engine, asked.use_case, self.content.versions)

    @property
    def total(self) -> int:
        return min(self.content.total, self.asked.limit or self.content.total)

    def _candidate(self) -> Candidate:
        asked = self.asked
        if asked.version:
            return sources.decided_by(self.engine, asked.use_case, asked.version)
        if asked.revision:
            return sources.at(self.project, asked.use_case, self.stage, asked.revision)
        return sources.of_notebook(self.project, asked.use_case, self.stage, asked.notebook)

    def jobs(self, candidates: tuple[Candidate, ...], window: Window | None = None) -> list[Job]:
        window, is_spread = window or self.window, self.asked.workers > 1 or self.asked.dask is not None
        cut = parts(self.engine, window, PART) if is_spread else [window]
        return [Job(self.url, part, candidates, self.versions, key_file_of(self.project)) for part in cut]

    def tallies(self, candidates: tuple[Candidate, ...], window: Window, tell: Tell = silent) -> list[Tally]:
        return spread(self.jobs(candidates, window), self.asked.workers, self.asked.dask, tell)

    def report(self, tell: Tell = silent) -> Report:
        """The one pass, and what it found."""
        began = perf_counter()
        (tally,) = self.tallies((self.candidate,), self.window, tell)
        made = self._reported(tally)
        if not tally.replayed:
            raise CannotReplay(_nothing(made, self._vanished()))
        made.seconds = perf_counter() - began
        return made

    def _reported(self, tally: Tally) -> Report:
        most = self._most_frequent()
        made = Report(
            self.asked.use_case,
            self.stage,
            self.asked.since,
            self.asked.until,
            self.candidate.what,
            self.usecase.version,
            tally,
            _changes(most, self.usecase) if most else {},
            most is not None and is_same_code(most.code, self.candidate.code),
        )
        made.needs = needs_of(self.engine, tally, self.candidate, self._routing(), self._prices())
        made.runtimes = {name: one.differs for name, one in sorted(self.versions.items()) if one.differs}
        made.notes = list(self._notes(tally))
        return made

    def _notes(self, tally: Tally) -> list[str]:
        said = []
        if tasks := self._vanished():
            said.append(f"Facts of tasks that the candidate does not have are not used: {', '.join(tasks)}.")
        if unknown := [name for name in tally.versions if name not in self.versions]:
            said.append(f"The store has no code of {', '.join(sorted(unknown))}: their facts are matched one by one.")
        return said

    def _vanished(self) -> list[str]:
        """Tasks that have facts, and are none of the candidate's."""
        known = {task for version in self.versions.values() for task in version.fingerprints}
        return sorted(known - self.usecase.graph.by_name.keys())

    def curve(
        self,
        parameter: str,
        values: list[float],
        present: float,
        window: Window | None = None,
        proposed: float | None = None,
    ) -> Curve:
        """What each value would have done. ``present`` and ``proposed`` are marked."""
        candidates = tuple(self.candidate.under({parameter: value}) for value in values)
        tallies = self.tallies(candidates, window or self.window)
        points = [_point(value, tally) for value, tally in zip(values, tallies, strict=True)]
        return Curve(parameter, present, tallies[0].replayed, points, proposed)

    def curves(self) -> list[Curve]:
        """A curve of each parameter that was set and is a number, of the newest decisions."""
        newest, most = latest(self.engine, self.window, CURVED), self._most_frequent()
        found = []
        for name, proposed in self.asked.settings.items():
            allowed = range_of(self.usecase, name)
            if allowed is not None:
                present = most.candidate.overrides.get(name, proposed) if most else proposed
                low, high = around(allowed, (present, proposed))
                values = values_between(low, high, POINTS, allowed.whole, (present, proposed))
                found.append(self.curve(name, values, present, newest, proposed))
        return found

    def _most_frequent(self) -> Version | None:
        """The version that decided most."""
        return self.versions.get(self.content.versions.most_common(1)[0][0])

    def _routing(self) -> Routing:
        from workbench.testing.decisions import stage_content

        return Routing.of(stage_content(self.project, self.stage), {})

    def _prices(self) -> Any:
        prices, _ = pricing.read(self.project)
        return prices or {}


def _changes(version: Version, usecase: UseCase) -> dict[str, tuple[Any, Any]]:
    """The parameters that differ from those of a version."""
    before, after = version.candidate.overrides, usecase.parameters
    names = {**before, **after}
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _point(value: float, tally: Tally) -> Point:
    after, total = Counter[str](), tally.replayed or 1
    for (_, new), count in tally.groups.items():
        after[new] += count
    agreed = None if tally.ranked else agreement(tally.cells, tally.groups)
    shares = {name: n / total for name, n in sorted(after.items())}
    return Point(value, tally.flips / total, shares, agreed, tally.overlap if tally.ranked else None)


def _nothing(report: Report, vanished: list[str]) -> str:
    """Why no decision could be replayed."""
    tally = report.tally
    said = f"none of {tally.read:,} decisions can be replayed"
    if not report.needs:
        why = "; ".join(f"{reason} ({count:,})" for reason, count in tally.apart.most_common(3))
        return f"{said}: {why}"
    tasks = ", ".join(f"task {need.task!r} is {need.why}" for need in report.needs)
    total = sum((need.cost for need in report.needs), start=type(report.needs[0].cost)())
    missing = f" + ? ({', '.join(sorted(total.unpriced))} has no price)" if total.unpriced else ""
    hint = (
        f"; the facts of {', '.join(map(repr, vanished))} are of tasks that are gone: was one renamed?"
        if vanished
        else ""
    )
    return f"{said}: {tasks}. Calling for them would cost about ${total.estimate:,.2f}{missing}{hint}"
