"""Results of pure functions of one text, kept as long as that pays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

SIZE, LONGEST = 4_096, 4_096  # texts that are kept, and characters of each
TRIAL = 1_000  # calls after which it has to have paid
SCALARS = frozenset({str, int, float, bool, type(None)})


class Memo:
    """Calls ``make(text)``, which gives a tuple, or gives what it gave before.

    Only scalars and lists of scalars are kept, and a list is another each time: nobody sees what others did to it.
    Where results are anything else, or texts hardly ever come again, nothing is kept any more.
    """

    __slots__ = ("_found", "_hits", "_make", "_misses")

    def __init__(self, make: Callable[[str], tuple[Any, ...]]) -> None:
        self._make = make
        self._found: dict[str, tuple[tuple[Any, ...], bool]] | None = {}
        self._hits = self._misses = 0

    def __call__(self, text: str) -> tuple[Any, ...]:
        if self._found is None:
            return self._make(text)
        known = self._found.get(text)
        if known is not None:
            self._hits += 1
            values, has_lists = known
            return tuple(value.copy() if type(value) is list else value for value in values) if has_lists else values
        return self._keep(text, self._make(text))

    def _keep(self, text: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
        assert self._found is not None
        self._misses += 1
        kinds = [_kind(value) for value in values]
        if None in kinds or (self._misses >= TRIAL and self._hits < self._misses):
            self._found = None
            return values
        if len(self._found) >= SIZE:
            self._found.clear()
        if len(text) <= LONGEST:
            kept = tuple(value.copy() if type(value) is list else value for value in values)
            self._found[text] = kept, list in kinds
        return values


def _kind(value: Any) -> type | None:
    """Its type, where it can be kept."""
    kind = type(value)
    if kind is list:
        return list if all(type(item) in SCALARS for item in value) else None
    return kind if kind in SCALARS else None
