"""What a deployment changes for the business, as a record holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.deploying.kept import Parameters
from workbench.deploying.record import Change
from workbench.diff.compare import Difference, compare
from workbench.diff.revision import State


@dataclass(frozen=True)
class Changes:
    """From what is live to what comes."""

    difference: Difference
    parameters: list[Change]
    metrics: list[Change]

    @property
    def use_cases(self) -> list[str]:
        """Those that decide otherwise, or are new, or gone; also by a parameter of the stage file."""
        named = {one.name for one in self.difference.use_cases} | {one.use_case for one in self.parameters}
        return sorted(named)

    @property
    def contracts(self) -> list[str]:
        """What changes of requests and decisions, in words."""
        return [
            f"{each.name}: {change.name} {change.what}" + (f" ({change.detail})" if change.detail else "")
            for each in self.difference.use_cases
            for change in each.changes
            if change.kind == "contract"
        ]


def changes(
    old: State, new: State, parameters: tuple[Parameters, Parameters], metrics: tuple[Parameters, Parameters]
) -> Changes:
    """Before and after: notebooks and stage files, parameters in force, metrics."""
    (was, now), (measured, measures) = parameters, metrics
    moved = _differing(was, {name: now[name] for name in was.keys() & now.keys()})  # of a new use case all are new
    return Changes(compare(old, new), list(moved), list(_differing(measured, measures)))


def _differing(before: Parameters, after: Parameters) -> Iterator[Change]:
    """Of the use cases that there are after."""
    for use_case in sorted(after):
        yield from _of(use_case, before.get(use_case, {}), after[use_case])


def _of(use_case: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys([*after, *before]):
        was, now = before.get(name), after.get(name)
        if was != now:
            yield Change(use_case=use_case, name=name, before=was, after=now)
