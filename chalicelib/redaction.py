"""Masking sensitive values where they are not marked: in what exceptions say, and in what steps made of them.

Finds a value's own text, also as it is quoted in Python, JSON or a URL, and numbers that are equal. What was computed
from a value, such as its last four digits, is not recognised.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, quote_plus

from chalicelib.sensitive import MASK

SHORT = 4  # ASCII characters: fewer stand for a value only as a word of their own
LONG = 50  # characters: an expression of many longer ones takes seconds to make
MOST_VALUES = 2000  # of more, an expression takes seconds to make
# pydantic shows what it refuses, and the middle of long values cut out
INPUT = re.compile(r"input_value=.*?, input_type=", re.DOTALL)


class Redaction:
    """Masks the values that are in some JSON texts, each leaf for itself. Truth and null are not masked.

    ``spared`` are texts that tell nothing.
    """

    def __init__(self, texts: Iterable[str], spared: frozenset[str] = frozenset()) -> None:
        leaves = {leaf for text in texts for leaf in leaves_of(json.loads(text))} - spared
        self._numbers = {leaf for leaf in leaves if isinstance(leaf, (int, float))}
        self._texts = {leaf for leaf in leaves if isinstance(leaf, str)}
        self._is_blunt = len(leaves) > MOST_VALUES
        forms = set[str]() if self._is_blunt else self._all_forms()
        longest_first = sorted(forms - {""}, key=lambda form: (-len(form), form))
        self._long = [form for form in longest_first if len(form) > LONG]
        short = longest_first[len(self._long) :]
        self._pattern = re.compile("|".join(map(_pattern, short))) if short else None

    def _all_forms(self) -> set[str]:
        return {form for leaf in self._texts for form in _forms(leaf)} | {repr(number) for number in self._numbers}

    def in_text(self, text: str) -> str:
        """A text with the values in it masked; all of it where there are too many to look for."""
        if self._is_blunt:
            return MASK
        for form in self._long:
            text = text.replace(form, MASK)
        return text if self._pattern is None else self._pattern.sub(MASK, text)

    def in_error(self, text: str) -> str:
        """What an exception said, with the values in it masked, and whatever pydantic was given."""
        return self.in_text(INPUT.sub(f"input_value={MASK}, input_type=", text))

    def in_json(self, value: Any) -> Any:
        """JSON data with the values in it masked, in keys, too."""
        if isinstance(value, dict):
            return {self._in_key(key): self.in_json(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.in_json(item) for item in value]
        if isinstance(value, str):
            return MASK if value in self._texts else self.in_text(value)
        return MASK if _is_number(value) and value in self._numbers else value

    def _in_key(self, key: str) -> str:
        if self._is_blunt:  # the names of fields are keys, too
            return MASK if key in self._texts else key
        return self.in_text(key)


def leaves_of(value: Any) -> Iterator[str | int | float]:
    """The texts and numbers in JSON data, keys among them."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, str) or _is_number(item):
            yield item


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _forms(text: str) -> Iterator[str]:
    """How a text may stand in another one."""
    yield text
    yield repr(text)[1:-1]
    yield ascii(text)[1:-1]
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    encoded = text.encode("utf-8", "backslashreplace")
    yield repr(encoded)[2:-1]
    yield from (quote(encoded), quote(encoded, safe=""), quote_plus(encoded))  # an address that could not be reached
    for kind in (date, datetime):
        try:
            moment = kind.fromisoformat(text)
        except ValueError:
            continue
        yield from (str(moment), repr(moment))


def _pattern(form: str) -> str:
    """A short word stands in many others by chance; one in Korean has its particles right behind it."""
    is_long = len(form) >= SHORT or not form.isascii()
    quoted = re.escape(form)
    return quoted if is_long else rf"(?<![\w.]){quoted}(?!\w|\.\d)"
