"""Agreement with labels: precision and recall of each outcome, for all decisions of the period, with intervals.

Labelled decisions are few, and were drawn equally often from each outcome (``artemis labels sample``), so each counts
as many times as it stands for. How many decisions there are of each outcome before and after is known: of each such
group the labels only have to tell which share is labelled how. So it does not matter that samples overlap, that some of
what was drawn is not labelled, or that a period is not the sample's (post-stratification: Lohr, Sampling, 2nd ed.,
section 4.4). A group without a label is taken to be as the outcome that it was drawn among. A label of a decision that
was not drawn, such as a complaint, stands for nobody knows what: it counts only where nothing was drawn.

An interval has to allow for errors that no label shows: of 4,000 approved decisions, 100 labels without a mistake still
leave room for some 100 mistakes, which may be as many as there are rightful rejections. So each group's share is drawn
many times from what its labels leave open (Jeffreys' interval: Brown, Cai and DasGupta, Statistical Science 16, 2001).
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
Shares = Mapping[Group, float]  # of a group, labelled so
Draws = Mapping[Group, list[float]]


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
    ``left_out``: outcomes of which no decision is labelled: what they should have been is not known.
    """

    metrics: dict[str, Both]
    drawn: int
    others: int
    left_out: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        shown = {
            name: {side: one and one.as_dict() for side, one in zip(("before", "after"), both, strict=True)}
            for name, both in self.metrics.items()
        }
        counts = {"drawn": self.drawn, "not_drawn": self.others, "weighted": bool(self.drawn)}
        return {**counts, "left_out": list(self.left_out), "metrics": shown}


def agreement(cells: Mapping[Cell, int], population: Mapping[Group, int]) -> Agreement | None:
    """How far decisions agree with labels, before and after; None without a label.

    ``population``: (outcome before, after) -> decisions of the period.
    """
    drawn = Counter({cell: count for cell, count in cells.items() if cell.weight is not None})
    used: Counter[Cell] = drawn
    if not drawn:
        used = Counter({cell._replace(weight=1.0): count for cell, count in cells.items()})
        population = _groups(used)
    if not used:
        return None
    known = {cell.before for cell in used}
    left_out = sorted({before for before, _ in population} - known)
    meant = {group: count for group, count in population.items() if group[0] in known}
    metrics = dict(_Labelled(used, meant).metrics())
    return Agreement(metrics, drawn.total(), sum(cells.values()) - drawn.total(), tuple(left_out))


def _groups(cells: Mapping[Cell, int]) -> Counter[Group]:
    found = Counter[Group]()
    for cell, count in cells.items():
        found[cell.before, cell.after] += count
    return found


class _Labelled:
    """Labelled decisions beside all of them."""

    def __init__(self, cells: Mapping[Cell, int], population: Mapping[Group, int]) -> None:
        # in an order of its own, and with the same seed: the same labels give the same interval
        self.cells, self.population = cells, dict(sorted(population.items()))
        self.random = Random(1)  # noqa: S311
        self.classes = sorted(
            ({cell.label for cell in cells} | {name for group in _groups(cells) for name in group}) - set(NO_OUTCOME)
        )

    def metrics(self) -> Iterator[tuple[str, Both]]:
        for name in self.classes:
            shares = {group: self._share(group, name) for group in self.population}
            draws = {group: self._draws(group, name) for group in self.population}
            yield (
                f"precision[{name}]",
                (self._precision(name, 0, shares, draws), self._precision(name, 1, shares, draws)),
            )
            yield f"recall[{name}]", (self._recall(name, 0, shares, draws), self._recall(name, 1, shares, draws))
        yield "agreement", (self._agreement(0), self._agreement(1))

    def _precision(self, name: str, side: int, shares: Shares, draws: Draws) -> Estimate | None:
        """Of the decisions with this outcome, how many are labelled so."""
        count = sum(n for cell, n in self.cells.items() if _side(cell, side) == name)
        meant = [group for group in self.population if group[side] == name]
        return self._estimate(count, shares, draws, meant, None)

    def _recall(self, name: str, side: int, shares: Shares, draws: Draws) -> Estimate | None:
        """Of the decisions labelled so, how many have this outcome."""
        count = sum(n for cell, n in self.cells.items() if cell.label == name)
        found = [group for group in self.population if group[side] == name]
        return self._estimate(count, shares, draws, found, list(self.population))

    def _agreement(self, side: int) -> Estimate | None:
        """Of all decisions, how many are as they are labelled."""
        every = list(self.population)
        shares = {group: self._share(group, group[side]) for group in every}
        draws = {group: self._draws(group, group[side]) for group in every}
        return self._estimate(sum(self.cells.values()), shares, draws, every, None)

    def _estimate(
        self, count: int, shares: Shares, draws: Draws, over: list[Group], under: list[Group] | None
    ) -> Estimate | None:
        """Labelled decisions of some groups, over those of others, or over all of the same; None without a label."""
        if not count:
            return None
        value = self._ratio(shares, over, under)
        drawn = sorted(self._ratio({group: draws[group][at] for group in draws}, over, under) for at in range(DRAWS))
        low, high = drawn[int(TAIL * DRAWS)], drawn[DRAWS - 1 - int(TAIL * DRAWS)]
        return Estimate(value, min(low, value), max(high, value), count)

    def _ratio(self, shares: Shares, over: list[Group], under: list[Group] | None) -> float:
        sizes = self.population
        upper = sum(sizes[group] * shares[group] for group in over)
        lower = sum(sizes[group] for group in over) if under is None else sum(sizes[one] * shares[one] for one in under)
        return upper / lower if lower else 0.0

    def _share(self, group: Group, label: str) -> float:
        """Of a group without labels, that of the outcome it was drawn among."""
        same = sum((known for one, known in self._known.items() if one[0] == group[0]), Counter[str]())
        known = self._known.get(group) or same
        return float(known[label] / sum(known.values()))

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


def _side(cell: Cell, side: int) -> str:
    return cell.after if side else cell.before


def _w(cell: Cell) -> float:
    return cell.weight or 0.0
