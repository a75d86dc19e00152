"""What a replay found, for every form in which it is told."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workbench.replaying.agreement import Agreement, agreement
from workbench.replaying.curves import Curve
from workbench.replaying.needs import Need
from workbench.replaying.ranks import FIRST
from workbench.replaying.tally import Tally

CHANGED = ("a ranking", "another")  # what a changed ranking is counted as by day
HELD = "History is held fixed: a task that looked at earlier decisions sees those that were made."


@dataclass
class Report:
    """``since``, ``until``: the period. ``changes``: parameter -> (of the version that decided most, candidate's).

    ``runtimes``: version -> how its runtime differs from this one. ``notes``: what has to be said besides.
    """

    use_case: str
    stage: str
    since: datetime
    until: datetime
    what: str
    version: str
    tally: Tally
    changes: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    same_code: bool = True
    needs: list[Need] = field(default_factory=list)
    runtimes: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def agreement(self) -> Agreement | None:
        return None if self.tally.ranked else agreement(self.tally.cells, self.tally.groups)

    @property
    def before(self) -> Counter[str]:
        return self._outcomes(1)

    @property
    def after(self) -> Counter[str]:
        return self._outcomes(2)

    def _outcomes(self, side: int) -> Counter[str]:
        found = Counter[str]()
        for key, count in self.tally.changes.items():
            found[str(key[side])] += count
        return found

    @property
    def flips(self) -> Counter[tuple[str, str]]:
        """(from, to) -> decisions, the most frequent first."""
        found = Counter[tuple[str, str]]()
        for (_, before, after), count in self.tally.changes.items():
            if before != after:
                found[before, after] += count
        return Counter(dict(sorted(found.items(), key=lambda item: (-item[1], item[0]))))

    @property
    def share(self) -> float:
        return self.tally.flips / self.tally.replayed if self.tally.replayed else 0.0

    @property
    def days(self) -> list[tuple[str, int, Counter[tuple[str, str]]]]:
        """(day, decisions, flips by from and to), oldest first."""
        totals, flips = Counter[str](), dict[str, Counter[tuple[str, str]]]()
        if self.tally.ranked:
            flips = {day.isoformat(): Counter({CHANGED: count}) for day, count in self.tally.changed.items()}
        for (day, before, after), count in self.tally.changes.items():
            totals[day.isoformat()] += count
            if before != after and not self.tally.ranked:
                flips.setdefault(day.isoformat(), Counter())[before, after] += count
        return [(day, totals[day], flips.get(day, Counter())) for day in sorted(totals)]

    @property
    def reasons(self) -> list[tuple[str, int, int]]:
        """(reason, flips that gained it, flips that lost it), the most frequent first."""
        found = self.tally.reasons
        names = sorted(
            {name for name, _ in found}, key=lambda name: (-found[name, "gained"] - found[name, "lost"], name)
        )
        return [(name, found[name, "gained"], found[name, "lost"]) for name in names]

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        tally, agreed = self.tally, self.agreement
        told: dict[str, Any] = {
            "use_case": self.use_case,
            "stage": self.stage,
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "candidate": {
                "what": self.what,
                "version": self.version,
                "same_code": self.same_code,
                "parameters": {name: {"before": old, "after": new} for name, (old, new) in self.changes.items()},
            },
            "decisions": {"read": tally.read, "replayed": tally.replayed, "apart": dict(tally.apart)},
            "flips": self._flips(),
            "outcomes": {"before": dict(self.before), "after": dict(self.after)},
            "same_outcome_but": dict(tally.fields.most_common()),
            "examples": self._examples(),
            "agreement": agreed and agreed.as_dict(),
            "needs_calls": [need.as_dict() for need in self.needs],
            "versions": dict(tally.versions.most_common()),
            "other_runtimes": self.runtimes,
            "notes": [HELD, *self.notes],
        }
        if tally.ranked:
            told["rankings"] = self._rankings()
        return told

    def _flips(self) -> dict[str, Any]:
        return {
            "count": self.tally.flips,
            "share": round(self.share, 6),
            "by_outcome": [{"from": old, "to": new, "count": n} for (old, new), n in self.flips.items()],
            "by_reason": [dict(zip(("reason", "gained", "lost"), row, strict=True)) for row in self.reasons],
            "by_day": [{"day": day, "decisions": n, "flips": flips.total()} for day, n, flips in self.days],
        }

    def _examples(self) -> list[dict[str, Any]]:
        return [
            {"from": old, "to": new, **one._asdict()}
            for (old, new), found in sorted(self.tally.examples.items())
            for one in found
        ]

    def _rankings(self) -> dict[str, Any]:
        tally = self.tally
        same_first = tally.same + tally.first
        return {
            "first_places": FIRST,
            "equal": tally.same,
            "same_order": tally.same + tally.ordered,
            "overlap": round(tally.overlap, 4),
            "same_first": round(same_first / tally.replayed, 4) if tally.replayed else 1.0,
            "overlaps": {f"{tenth / 10:.1f}": count for tenth, count in sorted(tally.overlaps.items())},
        }
