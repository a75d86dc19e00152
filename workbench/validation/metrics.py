"""Metrics: the flat dict of numbers that ends the cell tagged ``metrics``.

It is read in the kernel, not from the cell's output: a repr is text for people, and a number of
numpy looks different in each of its versions. Only the standard library is imported here.
"""

from __future__ import annotations

import json
import math
from numbers import Integral, Real
from typing import Any


class MetricsWrong(Exception):
    """What the cell gives is no flat dict of finite numbers; the message says what is wrong."""


def collect(shell: Any, count: int) -> str:
    """In the kernel: the value of input ``count`` as JSON. Raises MetricsWrong."""
    history = shell.user_ns.get("_oh", {})
    if count not in history:
        raise MetricsWrong("the cell gives nothing: end it with a dict of numbers, and with no semicolon")
    return json.dumps(numbers(history[count]))


def numbers(value: Any) -> dict[str, int | float]:
    """The metrics as plain numbers. Raises MetricsWrong with every misfit."""
    if not isinstance(value, dict):
        raise MetricsWrong(f"the cell gives a {type(value).__name__}, not a dict of numbers")
    if not value:
        raise MetricsWrong("the dict is empty: name at least one number")
    found = {name: _number(item) for name, item in value.items()}
    wrong = [_said(name, value[name], number) for name, number in found.items()]
    if said := [text for text in wrong if text]:
        raise MetricsWrong("; ".join(said))
    return {str(name): number for name, number in found.items() if number is not None}


def _number(value: Any) -> int | float | None:
    """A plain number, whoever's kind of number it is; None for anything else, a truth value too."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):  # an array of no dimensions
        return _number(value.item())
    return None


def _said(name: Any, value: Any, number: int | float | None) -> str:
    if not isinstance(name, str) or not name:
        return f"the name {name!r} is no text"
    if number is None:
        hint = "; count it with int(...)" if isinstance(value, bool) else ""
        return f"{name!r} is a {type(value).__name__}, not a number{hint}"
    if not math.isfinite(number):
        return f"{name!r} is {number}: metrics are finite, so leave it out or say what stands for it"
    return ""


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, value of the run before or None, value now or None): today's order, then what is gone."""
    rows = [(name, old.get(name), value) for name, value in new.items()]
    return rows + [(name, value, None) for name, value in old.items() if name not in new]
