"""Gates: what must not hold of a replay, as ``--fail-if`` says it: ``flips > 2%``, ``recall[reject] < 0.95``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from workbench.replaying.errors import CannotReplay
from workbench.replaying.report import Report

FORM = re.compile(r"\s*([a-z_]+(?:\[[^\[\]]+\])?)\s*(<=|>=|<|>)\s*([0-9]*\.?[0-9]+)\s*(%?)\s*")
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SHARES = "flips, flips[from->to], needs_calls, failed, overlap, agreement, precision[outcome], recall[outcome]"


@dataclass(frozen=True, slots=True)
class Gate:
    """``text`` as it was given; ``value`` is a share from 0 to 1."""

    text: str
    metric: str
    sign: str
    value: float

    def check(self, report: Report) -> tuple[bool, float]:
        """Whether it fails, and what the metric is. Raises CannotReplay where that cannot be said."""
        found = dict(metrics(report))
        if self.metric.startswith("flips[") and self.metric not in found:
            old, arrow, new = self.metric[6:-1].partition("->")
            known = {*report.before, *report.after}
            if not arrow or not {old.strip(), new.strip()} <= known:
                raise CannotReplay(f"--fail-if {self.text!r}: outcomes are {', '.join(sorted(known))}")
            found[self.metric] = 0.0
        if self.metric not in found:
            raise CannotReplay(f"--fail-if {self.text!r}: {_unknown(self.metric, report, found)}")
        value = found[self.metric]
        if value is None:
            raise CannotReplay(f"--fail-if {self.text!r}: no labelled decision says anything about {self.metric}")
        return COMPARE[self.sign](value, self.value), value


def parse(text: str) -> Gate:
    """A gate as it is written. Raises CannotReplay."""
    match = FORM.fullmatch(text)
    if match is None:
        raise CannotReplay(f"--fail-if {text!r}: write METRIC < NUMBER, such as 'flips > 2%'; metrics: {SHARES}")
    metric, sign, number, percent = match.groups()
    value = float(number) / (100 if percent else 1)
    if value > 1:
        raise CannotReplay(f"--fail-if {text!r}: {metric} is a share: write 2% or 0.02")
    return Gate(text, re.sub(r"\s*->\s*", "->", metric), sign, value)


def metrics(report: Report) -> Iterator[tuple[str, Any]]:
    """Every metric that a gate may name, of the candidate. None: there is no label for it."""
    tally = report.tally
    yield "flips", report.share
    for (old, new), count in report.flips.items():
        yield f"flips[{old}->{new}]", count / tally.replayed
    yield "needs_calls", tally.apart["needs calls"] / tally.read
    yield "failed", report.after["failed"] / tally.replayed
    if tally.ranked:
        yield "overlap", tally.overlap
    if agreed := report.agreement:
        for name, (_, after) in agreed.metrics.items():
            yield name, after.value if after else None


def _unknown(metric: str, report: Report, found: dict[str, Any]) -> str:
    if metric.partition("[")[0] in ("precision", "recall", "agreement") and report.agreement is None:
        of = "rankings have no outcome to label" if report.tally.ranked else "there is no label in the period"
        return f"{of}, so {metric} is not known"
    return f"there is no metric {metric!r}; there are: {', '.join(found)}"
