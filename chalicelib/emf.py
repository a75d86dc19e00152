"""CloudWatch's embedded metric format: metrics inside a line of the log, which CloudWatch takes out of it.

Specification: "Embedded metric format" in Amazon CloudWatch's user guide. Namespace ``Artemis``; by stage, by use
case, decisions by outcome as well. A step's latency is the metric ``Step/<name>``, a provider's errors are
``ProviderErrors/<name>``, since one line can say only one value of each dimension.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from chalicelib.observed import Observed

NAMESPACE = "Artemis"
BY_USE_CASE = ["Stage", "UseCase"]
MOST = 100  # metrics that one directive may name
EVERYWHERE = ("Decisions", "Degraded", "Failed", "Calls", "ReusedCalls", "ProviderErrors", "Duration", "Cost")


def embedded(seen: Observed) -> dict[str, Any]:
    """The members that make the line of a decision count."""
    errors = seen.provider_errors
    values: dict[str, float] = {
        "Decisions": 1,
        "Degraded": int(seen.degraded > 0),
        "Failed": int(seen.status == "failed"),
        "Calls": len(seen.calls),
        "ReusedCalls": seen.reused,
        "ProviderErrors": sum(errors.values()),
        "Duration": seen.duration_ms,
        "Cost": seen.cost,
    }
    apart = {f"Step/{name}": ms for name, ms in seen.steps.items()}
    apart |= {f"ProviderErrors/{name}": count for name, count in errors.items()}
    about = {"Stage": seen.stage, "UseCase": seen.use_case, "Outcome": seen.outcome or seen.status}
    return {
        **about,
        **values,
        **apart,
        **metrics_of(_directives(tuple(apart))),
    }


@lru_cache(maxsize=256)
def _directives(apart: tuple[str, ...]) -> list[dict[str, Any]]:
    """What CloudWatch takes out of a line. ``apart``: the metrics that are of one use case alone."""
    return [
        directive([["Stage"], BY_USE_CASE], list(EVERYWHERE)),
        directive([BY_USE_CASE], list(apart[:MOST])),
        directive([[*BY_USE_CASE, "Outcome"]], ["Decisions"]),
    ]


def metrics_of(directives: list[dict[str, Any]]) -> dict[str, Any]:
    """The member that tells CloudWatch which members of its line are metrics."""
    return {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": directives}}


def directive(dimensions: list[list[str]], names: list[str]) -> dict[str, Any]:
    """These members of a line are metrics, by each of these sets of dimensions."""
    metrics = [{"Name": name, "Unit": _unit(name)} for name in names]
    return {"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics}


def _unit(name: str) -> str:
    if name == "Duration" or name.startswith("Step/"):
        return "Milliseconds"
    return "None" if name in ("Cost", "OutcomeShift") else "Count"
