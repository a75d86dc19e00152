"""Drawing decisions to be labelled: a stratified sample, each decision with the number that it stands for.

Recall measured on rejected decisions alone is biased: what was wrongly approved is not among them. So every outcome is
a stratum, and is drawn from equally: an error is as likely to be found in a rare outcome as in a frequent one. A
stratum that is too small for its share is taken whole, and the others share the rest. Equal shares need no guess of how
much the strata vary, as Neyman's would. An estimate counts each drawn decision ``weight`` times, which is the stratum's
decisions over those drawn from it: that makes up for the equal shares.

Which decisions are drawn is decided by a hash of the seed and the id: the highest hashes of a stratum. So the order in
which the database gives them does not matter, and one pass that keeps no more than the sample's size of each stratum
is enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import Any, NamedTuple

MOST_STRATA = 100  # with more, an outcome is no class but a text


class TooManyStrata(ValueError):
    """The sample is too small for one decision of each outcome, or outcomes are no classes at all."""


class Drawn(NamedTuple):
    """A decision that was drawn, and how many it stands for."""

    id: str
    stratum: str
    weight: float


@dataclass(slots=True)
class Stratum:
    """The decisions of one outcome: how many there are, and the ``size`` of them with the highest hashes."""

    outcome: str
    size: int
    population: int = 0
    drawn: int = 0
    _highest: list[tuple[bytes, str]] = field(default_factory=list)  # a heap: the lowest of them on top

    def offer(self, decision_id: str, hashed: bytes) -> None:
        self.population += 1
        highest = self._highest
        if len(highest) < self.size:
            heappush(highest, (hashed, decision_id))
        elif hashed >= highest[0][0]:
            heappushpop(highest, (hashed, decision_id))

    @property
    def weight(self) -> float:
        return self.population / self.drawn if self.drawn else 0.0

    def take(self) -> list[Drawn]:
        """The ``drawn`` decisions with the highest hashes."""
        highest = sorted(self._highest, reverse=True)[: self.drawn]
        return [Drawn(decision_id, self.outcome, self.weight) for _, decision_id in highest]

    def as_dict(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "population": self.population,
            "drawn": self.drawn,
            "weight": round(self.weight, 6),
        }


def draw(population: Iterable[tuple[str, str]], size: int, seed: int) -> tuple[list[Stratum], list[Drawn]]:
    """A sample of about ``size`` from (id, outcome) pairs in any order, all of them where there are fewer.

    Returns the strata by name, and the drawn decisions in an order that tells nothing of their outcomes. Raises
    TooManyStrata.
    """
    strata: dict[str, Stratum] = {}
    for decision_id, outcome in population:
        stratum = strata.get(outcome)
        if stratum is None:
            stratum = strata[outcome] = Stratum(outcome, size)
            _check(strata, size)
        stratum.offer(decision_id, _hash(seed, decision_id))
    for name, share in shares({name: one.population for name, one in strata.items()}, size).items():
        strata[name].drawn = share
    drawn = [one for stratum in strata.values() for one in stratum.take()]
    return sorted(strata.values(), key=lambda one: one.outcome), sorted(drawn, key=lambda one: _hash(seed, one.id))


def shares(populations: dict[str, int], size: int) -> dict[str, int]:
    """How many to draw of each stratum: equally many, and what small ones lack from the larger ones."""
    found, rest = dict[str, int](), size
    for before, (name, count) in enumerate(sorted(populations.items(), key=lambda item: (item[1], item[0]))):
        found[name] = min(count, rest // (len(populations) - before))
        rest -= found[name]
    return found


def sample_rows(sample: str, use_case: str, drawn: Iterable[Drawn], at: datetime) -> list[dict[str, Any]]:
    """The rows of ``label_samples``."""
    same = {"sample": sample, "use_case": use_case, "drawn_at": at}
    return [{**same, "decision_id": one.id, "stratum": one.stratum, "weight": one.weight} for one in drawn]


def _hash(seed: int, decision_id: str) -> bytes:
    return blake2b(f"{seed} {decision_id}".encode(), digest_size=8).digest()


def _check(strata: dict[str, Stratum], size: int) -> None:
    if len(strata) > MOST_STRATA:
        raise TooManyStrata(
            f"there are over {MOST_STRATA} outcomes, such as {next(iter(strata))!r}: they are no classes"
        )
    if len(strata) > size:
        names = ", ".join(sorted(strata))
        raise TooManyStrata(f"a sample of {size} leaves some outcome out; there are {names}: draw at least one of each")
