"""What is told of each decision to whoever counts: a log, metrics. Numbers and names only, nothing that was asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, time
from typing import Any

from chalicelib.asking import Call
from chalicelib.run import Run


@dataclass(frozen=True, slots=True)
class Observed:
    """One decision, as it was stored.

    Args:
        status: "decided" or "failed"; ``failure``: of what kind.
        duration_ms: from the request's beginning until its decision was there to be stored.
        spans: step -> when it began and ended, in seconds since 1970.
        by_step: task -> its questions to providers, answered again from the store or not.
        degraded: how many fallbacks and stand-ins it was decided with.
        cost: what the calls came to by the price list, in US dollars.
        epoch: what to add to a call's ``began`` for seconds since 1970.
    """

    id: str
    use_case: str
    version: str
    stage: str
    client: str
    status: str
    outcome: str | None
    failure: str | None
    duration_ms: float
    spans: Mapping[str, tuple[float, float]]
    by_step: Mapping[str, list[Call]]
    degraded: int
    cost: float
    epoch: float = 0.0

    @property
    def steps(self) -> dict[str, float]:
        """Step -> milliseconds."""
        return {name: round((ended - began) * 1000, 3) for name, (began, ended) in self.spans.items()}

    @property
    def calls(self) -> list[Call]:
        """All questions to providers."""
        return [call for calls in self.by_step.values() for call in calls]

    @property
    def reused(self) -> int:
        """Calls that were answered by what an earlier one had paid for."""
        return sum(not call.paid for call in self.calls if call.error is None)

    @property
    def provider_errors(self) -> dict[str, int]:
        """Provider -> calls that it did not answer."""
        found: dict[str, int] = {}
        for call in self.calls:
            if call.error is not None:
                found[call.provider] = found.get(call.provider, 0) + 1
        return found


log = logging.getLogger("artemis")

Observe = Callable[[Observed], None]


def tell(observers: Sequence[Observe], row: Mapping[str, Any], run: Run, prices: Mapping[str, Any]) -> None:
    """Tell of a decision that is stored. It is answered whether or not it can be counted."""
    try:
        seen = observed(row, run, prices)
        for observe in observers:
            observe(seen)
    except Exception:
        log.exception("decision %s is stored, and could not be counted", row["id"])


def observed(row: Mapping[str, Any], run: Run, prices: Mapping[str, Any]) -> Observed:
    """What there is to tell of a decision. ``row``: as it was stored; ``prices``: the manifest's."""
    since = time() - perf_counter()  # run.clock is on the performance counter
    by_step = {fact.task: fact.calls for fact in run.facts if fact.calls}
    return Observed(
        id=row["id"],
        use_case=row["use_case"],
        version=row["version"],
        stage=row["stage"],
        client=row["client"],
        status=row["status"],
        outcome=row["outcome"],
        failure=run.failure.kind if run.failure else None,
        duration_ms=row["duration_ms"],
        spans={name: (began + since, ended + since) for name, (began, ended) in run.clock.items()},
        by_step=by_step,
        degraded=len(run.degraded),
        cost=_cost(by_step, prices) if by_step else 0.0,
        epoch=since,
    )


def _cost(by_step: Mapping[str, list[Call]], prices: Mapping[str, Any]) -> float:
    from chalicelib import costs

    return costs.rounded(
        costs.of_calls((call.as_dict() for calls in by_step.values() for call in calls), prices).estimate
    )
