"""Limits of a value: bounds, which are tighter or looser, and forms (pattern, format), which are the same or not."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

from workbench.contract.words import Effect, shown

Found = tuple[Effect, str, str, str]  # effect, kind of change, what is, what was

LOWER = {  # what it limits -> keywords: the limit itself, and the one that excludes it
    "{}": ("minimum", "exclusiveMinimum", "at least {}", "more than {}"),
    "{} characters": ("minLength", "", "at least {} characters long", ""),
    "{} items": ("minItems", "", "at least {} items long", ""),
    "{} fields": ("minProperties", "", "of at least {} fields", ""),
}
UPPER = {
    "{}": ("maximum", "exclusiveMaximum", "at most {}", "less than {}"),
    "{} characters": ("maxLength", "", "at most {} characters long", ""),
    "{} items": ("maxItems", "", "at most {} items long", ""),
    "{} fields": ("maxProperties", "", "of at most {} fields", ""),
}
FORMS = {
    "pattern": "of the pattern {}",
    "format": "of the format {}",
    "multipleOf": "a multiple of {}",
    "contentEncoding": "encoded as {}",
    "uniqueItems": "without doubles ({})",
}


def limits(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Found]:
    """What changed in the limits of one kind of value."""
    for sign, table in ((1, LOWER), (-1, UPPER)):
        for keys in table.values():
            yield from _bound(sign, keys, old, new)
    for key, words in FORMS.items():
        yield from _form(words, old.get(key) or None, new.get(key) or None)


def _bound(sign: int, keys: tuple[str, str, str, str], old: dict[str, Any], new: dict[str, Any]) -> Iterator[Found]:
    was, now = _limit(sign, keys, old), _limit(sign, keys, new)
    if now == was:
        return
    told_now, told_was = _told(sign, keys, now), _told(sign, keys, was)
    if now > was:
        yield "narrower", "tightened", told_now, told_was
    else:
        yield "wider", "loosened" if told_now else "unlimited", told_now, told_was


def _limit(sign: int, keys: tuple[str, str, str, str], schema: dict[str, Any]) -> tuple[float, bool]:
    """The tighter of both ways to limit, greater where tighter; lengths begin at 0 anyway."""
    nothing = 0 if sign == 1 and not keys[1] else -inf
    found: list[tuple[float, bool]] = [(nothing, False)]
    for key, excludes in ((keys[0], False), (keys[1], True)):
        value = schema.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found.append((sign * value, excludes))
    return max(found)


def _told(sign: int, keys: tuple[str, str, str, str], limit: tuple[float, bool]) -> str:
    value, excludes = limit
    if value == -inf or (value == 0 and sign == 1 and not keys[1]):
        return ""
    return keys[3 if excludes else 2].format(f"{sign * value:g}" if abs(value) < 1e6 else sign * value)


def _form(words: str, was: Any, now: Any) -> Iterator[Found]:
    told_was = words.format(shown(was)) if was else ""
    told_now = words.format(shown(now)) if now else ""
    if was == now:
        return
    if not was:
        yield "narrower", "tightened", told_now, ""
    elif not now:
        yield "wider", "unlimited", "", told_was
    else:
        yield "breaking", "changed", told_now, told_was
