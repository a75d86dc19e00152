"""The smallest change of one parameter that gives another outcome, for each parameter that has one.

First it is asked whether one of the ends of what a parameter may be gives another outcome, or a number that the steps
came to; then the distance is halved, down to where the outcome changes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from chalicelib.trace import recompute
from chalicelib.usecase import UseCase
from workbench.replaying.candidate import Candidate, loaded
from workbench.replaying.curves import range_of, schema_of
from workbench.replaying.errors import CannotReplay
from workbench.replaying.past import Past
from workbench.replaying.ranks import first_of
from workbench.replaying.redo import Redo, Redone
from workbench.replaying.versions import Version

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


def smallest_changes(redo: Redo, version: Version, past: Past, again: Redone) -> list[Change]:
    """Those that flip a decision, the smallest first. ``again``: what the version decides as it is."""
    found = _Search(redo, version, past, again).changes()
    return sorted(found, key=lambda change: (change.distance, change.parameter))


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
    record, outputs = redo.inputs(past)
    logic = recompute(redo.usecase, record, outputs, past.now)
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
