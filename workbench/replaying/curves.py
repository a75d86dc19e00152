"""Curves: what each value of one parameter would have done, in one pass over the decisions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from chalicelib.parameters import PARAMETERS
from chalicelib.usecase import UseCase
from workbench.replaying.agreement import Agreement
from workbench.replaying.errors import CannotReplay

POINTS = 13


class Point(NamedTuple):
    """One value: the share of flips, the share of each outcome, and agreement with labels; of rankings the share of the
    first places that stay."""

    value: float
    flips: float
    outcomes: dict[str, float]
    agreement: Agreement | None
    overlap: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """``present``: the value in force; ``proposed``: another that is asked about; ``decisions``: each point is of."""

    parameter: str
    present: float
    decisions: int
    points: list[Point]
    proposed: float | None = None


class Range(NamedTuple):
    """The values that a parameter may have; None: as far as numbers go. ``whole``: integers only."""

    low: float | None
    high: float | None
    whole: bool


def range_of(usecase: UseCase, parameter: str) -> Range | None:
    """What its annotation allows; None where it is no number."""
    value = usecase.parameters.get(parameter)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    schema = schema_of(usecase, parameter)
    kinds = {schema.get("type"), *(one.get("type") for one in schema.get("anyOf", ()))}
    whole = "number" not in kinds and "integer" in kinds
    low, high = schema.get("minimum"), schema.get("maximum")
    step = 1.0 if whole else 1e-9
    low = schema["exclusiveMinimum"] + step if "exclusiveMinimum" in schema else low
    high = schema["exclusiveMaximum"] - step if "exclusiveMaximum" in schema else high
    return Range(low, high, whole)


def schema_of(usecase: UseCase, parameter: str) -> dict[str, Any]:
    """A parameter's JSON schema."""
    namespace = usecase.graph.by_name["decide"].function.__globals__
    bound: Any = namespace[PARAMETERS]
    adapter: TypeAdapter[Any] = bound.adapter
    found: dict[str, Any] = adapter.json_schema()["properties"][parameter]
    return found


def values_between(low: float, high: float, points: int, whole: bool, marked: Sequence[float]) -> list[float]:
    """Evenly spaced values from ``low`` to ``high``, and those of ``marked`` that lie in between."""
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        raise CannotReplay(f"from {low} to {high} there is nothing to look at: give a lower and a higher number")
    steps = max(1, points - 1)
    found = {round(low + (high - low) * step / steps, 10) for step in range(steps + 1)}
    found |= {value for value in marked if low <= value <= high}
    return sorted({round(value) for value in found} if whole else found)


def around(allowed: Range, values: Sequence[float]) -> tuple[float, float]:
    """A range to look at that holds ``values``: what is allowed, where that ends; else by how far they lie apart."""
    least, most = min(values), max(values)
    spread = (most - least) or abs(most) or 1.0
    low = least - 2 * spread if allowed.low is None else allowed.low
    high = most + 2 * spread if allowed.high is None else allowed.high
    if high - low > 20 * spread:  # what is allowed may be far wider than what matters
        low, high = max(low, least - 4 * spread), min(high, most + 4 * spread)
    return float(low), float(high)
