"""Agreement with labels: precision and recall of each outcome, for all decisions of the period, with intervals.

Labelled decisions are few, and were drawn equally often from each outcome (``artemis labels sample``), so each counts
as many times as it stands for. Within an outcome the weights are then scaled to how many decisions of it there are in
the period: samples overlap, some of what was drawn is not labelled, and a period need not be the sample's. A label of a
decision that was not drawn, such as a complaint, stands for nobody knows what: it counts only where nothing was drawn.

An interval has to allow for errors that no label shows: of 4,000 approved decisions, 100 labels without a mistake still
leave room for some 100 mistakes, which may be as many as there are rightful rejections. So it is made of what is known
of each group of decisions with the same outcome before and after: how many they are, and by their labels a Jeffreys
interval of the share of each label (Brown, Cai and DasGupta, Statistical Science 16, 2001), drawn from many times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

NO_OUTCOME = ("failed", "decided")  # they have no precision
DRAWS = 1_000
PRIOR = 0.5  # Jeffreys'
TAIL = 0.025  # outside of an interval, on each side
Group = tuple[str, str]  # outcome before, and after


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


Both = tuple[Estimate | None, Estimate | None]


@dataclass(frozen=True, slots=True)
class Agreement:
    """``metrics``: name -> (before, after); None where nothing can be said of it.

    ``drawn``, ``others``: labels of decisions that were drawn, and of others; these count if nothing was drawn.
    """

    metrics: dict[str, Both]
    drawn: int
    others: int

    def as_dict(self) -> dict[str, Any]:
        shown = {
            name: {side: one and one.as_dict() for side, one in zip(("before", "after"), both, strict=True)}
            for name, both in self.metrics.items()
        }
        return {"drawn": self.drawn, "not_drawn": self.others, "weighted": bool(self.drawn), "metrics": shown}


def agreement(cells: Mapping[Cell, int], population: Mapping[Group, int]) -> Agreement | None:
    """How far decisions agree with labels, before and after; None without a label.

    ``population``: (outcome before, after) -> decisions of the period.
    """
    drawn = Counter({cell: count for cell, count in cells.items() if cell.weight is not None})
    if drawn:
        used = _scaled(drawn, population)
    else:
        used = Counter({cell._replace(weight=1.0): count for cell, count in cells.items()})
        population = _groups(used)
    if not used:
        return None
    return Agreement(dict(_Labelled(used, population).metrics()), drawn.total(), sum(cells.values()) - drawn.total())


def _scaled(cells: Mapping[Cell, int], population: Mapping[Group, int]) -> Counter[Cell]:
    """The weights scaled so that each stratum's make up its decisions in the period."""
    there, sums = Counter[str](), dict[str, float]()
    for (before, _), count in population.items():
        there[before] += count
    for cell, count in cells.items():
        sums[cell.stratum] = sums.get(cell.stratum, 0.0) + count * _w(cell)
    scaled = Counter[Cell]()
    for cell, count in cells.items():
        scaled[cell._replace(weight=_w(cell) * there[cell.stratum] / sums[cell.stratum])] += count
    return scaled


def _groups(cells: Mapping[Cell, int]) -> Counter[Group]:
    found = Counter[Group]()
    for cell, count in cells.items():
        found[cell.before, cell.after] += count
    return found


class _Labelled:
    """Labelled decisions beside all of them."""

    def __init__(self, cells: Mapping[Cell, int], population: Mapping[Group, int]) -> None:
        self.cells, self.population = cells, population
        self.random = Random(1)  # noqa: S311  the same labels, the same interval
        self.classes = sorted(
            ({cell.label for cell in cells} | {name for group in _groups(cells) for name in group}) - set(NO_OUTCOME)
        )

    def metrics(self) -> Iterator[tuple[str, Both]]:
        for name in self.classes:
            draws = {group: self._draws(group, name) for group in self.population}
            yield f"precision[{name}]", (self._precision(name, 0, draws), self._precision(name, 1, draws))
            yield f"recall[{name}]", (self._recall(name, 0, draws), self._recall(name, 1, draws))
        yield "agreement", (self._agreement(0), self._agreement(1))

    def _precision(self, name: str, side: int, draws: dict[Group, list[float]]) -> Estimate | None:
        """Of the decisions with this outcome, how many are labelled so."""
        cells = {cell: n for cell, n in self.cells.items() if _side(cell, side) == name}
        meant = [group for group in self.population if group[side] == name]
        shares = self._ratio(draws, meant, None)
        return _estimate(cells, {cell for cell in cells if cell.label == name}, shares)

    def _recall(self, name: str, side: int, draws: dict[Group, list[float]]) -> Estimate | None:
        """Of the decisions labelled so, how many have this outcome."""
        cells = {cell: n for cell, n in self.cells.items() if cell.label == name}
        found = [group for group in self.population if group[side] == name]
        shares = self._ratio(draws, found, list(self.population))
        return _estimate(cells, {cell for cell in cells if _side(cell, side) == name}, shares)

    def _agreement(self, side: int) -> Estimate | None:
        """Of all decisions, how many are as they are labelled."""
        draws = {group: self._draws(group, group[side]) for group in self.population}
        shares = self._ratio(draws, list(self.population), None)
        return _estimate(self.cells, {cell for cell in self.cells if _side(cell, side) == cell.label}, shares)

    def _ratio(self, draws: dict[Group, list[float]], over: list[Group], under: list[Group] | None) -> list[float]:
        """Of each draw: labelled decisions of some groups, over those of others, or over all of the same groups."""
        sizes, total = self.population, sum(self.population[group] for group in over)
        found = []
        for at in range(DRAWS):
            upper = sum(sizes[group] * draws[group][at] for group in over)
            lower = total if under is None else sum(sizes[group] * draws[group][at] for group in under)
            found.append(upper / lower if lower else 0.0)
        return sorted(found)

    def _draws(self, group: Group, label: str) -> list[float]:
        """The share of a group that is labelled so, as its labels leave it open."""
        known, of = self._known.get(group, Counter()), self._sizes.get(group, 0.0)
        right = of * known[label] / total if (total := sum(known.values())) else 0.0
        return [self.random.betavariate(right + PRIOR, of - right + PRIOR) for _ in range(DRAWS)]

    @cached_property
    def _known(self) -> dict[Group, Counter[str]]:
        """Group -> label -> weight."""
        found: dict[Group, Any] = {}
        for cell, count in self.cells.items():
            found.setdefault((cell.before, cell.after), Counter())[cell.label] += count * _w(cell)
        return found

    @cached_property
    def _sizes(self) -> dict[Group, float]:
        """Group -> labels, as many as they are worth where their weights differ (Kish)."""
        sums, squares = dict[Group, float](), dict[Group, float]()
        for cell, count in self.cells.items():
            group = cell.before, cell.after
            sums[group] = sums.get(group, 0.0) + count * _w(cell)
            squares[group] = squares.get(group, 0.0) + count * _w(cell) ** 2
        return {group: sums[group] ** 2 / squares[group] if squares[group] else 0.0 for group in sums}


def _estimate(cells: Mapping[Cell, int], right: set[Cell], shares: list[float]) -> Estimate | None:
    """The weighted share of ``cells`` that are ``right``; its interval from sorted draws."""
    base = sum(count * _w(cell) for cell, count in cells.items())
    if not base:
        return None
    value = sum(count * _w(cell) for cell, count in cells.items() if cell in right) / base
    low, high = shares[int(TAIL * DRAWS)], shares[DRAWS - 1 - int(TAIL * DRAWS)]
    return Estimate(value, min(low, value), max(high, value), sum(cells.values()))


def _side(cell: Cell, side: int) -> str:
    return cell.after if side else cell.before


def _w(cell: Cell) -> float:
    return cell.weight or 0.0
