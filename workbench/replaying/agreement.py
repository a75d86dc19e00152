"""Agreement with labels: precision and recall of each outcome, for all decisions of the period, with intervals.

Labelled decisions are few, and were drawn equally often from each outcome (``artemis labels sample``), so each counts
as many times as it stands for. Within an outcome the weights are then scaled to how many decisions of it there are in
the period: samples overlap, some of what was drawn is not labelled, and a period need not be the sample's. A label of a
decision that was not drawn, such as a complaint, stands for nobody knows what: it counts only where nothing was drawn.

An interval is Wilson's, with the number of labels replaced by the effective one: p(1 - p) over the variance of the
weighted ratio, which is linearised and summed over the outcomes drawn from (Korn and Graubard, Survey Methodology 24,
1998; Lohr, Sampling, 2nd ed., section 4.1). Where that variance is 0, it is Kish's: the square of the weights' sum over
the sum of their squares.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Z = 1.959964  # of a 95 % interval
NO_OUTCOME = ("failed", "decided")  # they have no precision


class Cell(NamedTuple):
    """What counts of a labelled decision. ``stratum``: the outcome that it was drawn among."""

    stratum: str
    weight: float | None
    label: str
    before: str
    after: str


class Estimate(NamedTuple):
    """A share with its 95 % interval, and how many labels it rests on."""

    value: float
    low: float
    high: float
    labels: int

    def as_dict(self) -> dict[str, Any]:
        numbers = {name: round(getattr(self, name), 4) for name in ("value", "low", "high")}
        return {**numbers, "labels": self.labels}


@dataclass(frozen=True, slots=True)
class Agreement:
    """``metrics``: name -> (before, after); None where nothing can be said of it.

    ``drawn``, ``others``: labels of decisions that were drawn, and of others; these count if nothing was drawn.
    """

    metrics: dict[str, tuple[Estimate | None, Estimate | None]]
    drawn: int
    others: int

    def as_dict(self) -> dict[str, Any]:
        shown = {
            name: {side: one and one.as_dict() for side, one in zip(("before", "after"), both, strict=True)}
            for name, both in self.metrics.items()
        }
        return {"drawn": self.drawn, "not_drawn": self.others, "weighted": bool(self.drawn), "metrics": shown}


def agreement(cells: Mapping[Cell, int], population: Mapping[str, int]) -> Agreement | None:
    """How far decisions agree with labels, before and after; None without a label.

    ``population``: outcome before -> decisions of the period.
    """
    drawn = {cell: count for cell, count in cells.items() if cell.weight is not None}
    used = _scaled(drawn, population) if drawn else Counter({_weighted(cell, 1.0): n for cell, n in cells.items()})
    if not used:
        return None
    classes = {cell.label for cell in used} | {name for cell in used for name in (cell.before, cell.after)}
    tests = list(_metrics(sorted(classes - set(NO_OUTCOME))))
    metrics = {
        name: (_estimate(used, before, of_before), _estimate(used, after, of_after))
        for name, (of_before, before), (of_after, after) in tests
    }
    counted = sum(drawn.values())
    return Agreement(metrics, counted, sum(cells.values()) - counted)


Test = Callable[[Cell], bool]


def _metrics(classes: list[str]) -> Iterator[tuple[str, tuple[Test, Test], tuple[Test, Test]]]:
    """Name, and for before and after: which decisions it is about, and which of them are right."""
    for name in classes:
        for what in ("precision", "recall"):
            yield f"{what}[{name}]", _tests(what, name, "before"), _tests(what, name, "after")
    yield "agreement", _tests("agreement", "", "before"), _tests("agreement", "", "after")


def _tests(what: str, name: str, side: str) -> tuple[Test, Test]:
    def decided(cell: Cell) -> str:
        return cell.before if side == "before" else cell.after

    if what == "precision":
        return lambda cell: decided(cell) == name, lambda cell: cell.label == name
    if what == "recall":
        return lambda cell: cell.label == name, lambda cell: decided(cell) == name
    return lambda cell: True, lambda cell: decided(cell) == cell.label


def _weighted(cell: Cell, weight: float) -> Cell:
    return cell._replace(weight=weight)


def _scaled(cells: Mapping[Cell, int], population: Mapping[str, int]) -> Counter[Cell]:
    """The weights scaled so that each stratum's make up its decisions in the period."""
    sums = Counter[str]()
    for cell, count in cells.items():
        sums[cell.stratum] += count * (cell.weight or 1.0)  # type: ignore[assignment]
    scaled = Counter[Cell]()
    for cell, count in cells.items():
        scale = population.get(cell.stratum, 0) / sums[cell.stratum]
        scaled[_weighted(cell, (cell.weight or 1.0) * scale)] += count
    return scaled


def _estimate(cells: Mapping[Cell, int], is_right: Test, is_meant: Test) -> Estimate | None:
    meant = [(cell, count) for cell, count in cells.items() if is_meant(cell)]
    base = sum(count * _w(cell) for cell, count in meant)
    if not base:
        return None
    share = sum(count * _w(cell) for cell, count in meant if is_right(cell)) / base
    variance = _variance(cells, share, base, is_right, is_meant)
    kish = base**2 / sum(count * _w(cell) ** 2 for cell, count in meant)
    effective = share * (1 - share) / variance if variance > 0 and 0 < share < 1 else kish
    low, high = wilson(share, effective)
    return Estimate(share, low, high, sum(count for _, count in meant))


def _variance(cells: Mapping[Cell, int], share: float, base: float, is_right: Test, is_meant: Test) -> float:
    """Of a ratio of weighted sums, linearised, summed over the strata; no correction for a finite population."""
    strata: dict[str, list[tuple[float, int]]] = {}
    for cell, count in cells.items():
        residual = _w(cell) * ((is_right(cell) - share) if is_meant(cell) else 0.0)
        strata.setdefault(cell.stratum, []).append((residual, count))
    total = 0.0
    for values in strata.values():
        n = sum(count for _, count in values)
        mean = sum(value * count for value, count in values) / n if n > 1 else 0.0
        total += n / max(1, n - 1) * sum(count * (value - mean) ** 2 for value, count in values)
    return total / base**2


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's score interval of a share of ``n``."""
    if n <= 0:
        return 0.0, 1.0
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _w(cell: Cell) -> float:
    return cell.weight or 0.0
