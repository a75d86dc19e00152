"""Whether use cases decide otherwise than before: the outcomes of the last day beside those of four weeks.

Measured is the total variation distance of the two distributions: the share of decisions that would have to have
another outcome for both to be equal, from 0 to 1. Nothing is said of few decisions, whose shares swing by themselves.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.emf import BY_USE_CASE, directive, metrics_of
from chalicelib.service import Service

RECENT, BEFORE = timedelta(days=1), timedelta(days=28)
FEWEST = 100  # decisions of the last day, and as many before: with fewer the shares swing by a tenth by themselves

log = logging.getLogger("artemis.watch")
log.setLevel(logging.INFO)  # its lines are counted, as those of decisions are


@dataclass(frozen=True, slots=True)
class Shift:
    """One use case. ``share``: of decisions that are others now; outcome -> decisions, then and now."""

    use_case: str
    share: float
    recent: dict[str, int]
    before: dict[str, int]


def watch(service: Service, now: datetime | None = None) -> list[Shift]:
    """Measures each use case that decided often enough, and logs it, with a metric for CloudWatch.

    Raises Unavailable when the store does not answer.
    """
    now, found = now or datetime.now(UTC), []
    for name in service.manifest.names:
        shift = _shift(service, name, now)
        if shift is not None:
            found.append(shift)
            _log(service.settings.stage, shift)
    return found


def distance(recent: Mapping[str, int], before: Mapping[str, int]) -> float:
    """The total variation distance of two distributions that are given by counts; each has at least one."""
    now, then = sum(recent.values()), sum(before.values())
    shares = (recent.get(one, 0) / now - before.get(one, 0) / then for one in {*recent, *before})
    return sum(abs(share) for share in shares) / 2


def _shift(service: Service, name: str, now: datetime) -> Shift | None:
    counts, stage, day = service.store().outcomes.counts, service.settings.stage, now - RECENT
    recent = counts(stage, name, day, now)
    if sum(recent.values()) < FEWEST:
        return None
    before = counts(stage, name, day - BEFORE, day)
    if sum(before.values()) < FEWEST:
        return None
    return Shift(name, round(distance(recent, before), 4), recent, before)


def _log(stage: str, shift: Shift) -> None:
    about: dict[str, Any] = {
        "use_case": shift.use_case,
        "recent": shift.recent,
        "before": shift.before,
        "Stage": stage,
        "UseCase": shift.use_case,
        "OutcomeShift": shift.share,
        **metrics_of([directive([["Stage"], BY_USE_CASE], ["OutcomeShift"])]),
    }
    log.info("outcomes compared", extra={"_fields": about, "_shift": shift})
