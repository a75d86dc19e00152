"""What is asked of a model, in a form in which equal questions can be told: one digest for each item."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from chalicelib.keys import digestible

OF_PHOTOS = ("moderation", "faces", "text", "labels")
BY_ITEM = ("embedding", "predict")  # asked with a list, answered with a list, reused item by item


@dataclass(frozen=True)
class Question:
    """One question to whoever answers a capability.

    Args:
        items: what is asked about: a photo, ``(sql, parameters)``, or any number of texts or feature mappings.
        model: which model is to predict, by the name that the stage file gives it; empty for other capabilities.
    """

    capability: str
    items: tuple[Any, ...]
    model: str = ""

    @property
    def name(self) -> str:
        """``predict/match_score``, or the capability: what a stage file routes, pins and allows to reuse."""
        return f"{self.capability}/{self.model}" if self.model else self.capability

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the provider's method is called with."""
        if self.capability == "query":
            return tuple(self.items[0])
        if self.capability in BY_ITEM:
            return (self.model, list(self.items)) if self.model else (list(self.items),)
        return self.items

    @property
    def is_fleeting(self) -> bool:
        """Whether what is asked about may be another thing tomorrow: a photo in a bucket that keeps no versions."""
        return self.capability in OF_PHOTOS and str(self.items[0].digest).startswith("s3-etag:")

    @cached_property
    def digests(self) -> list[str]:
        """One digest for each item: equal for equal items of one capability and model, in any process."""
        return [digest(self.capability, item, self.model) for item in self.items]

    def only(self, positions: Sequence[int]) -> Question:
        """The same question about some of its items."""
        return replace(self, items=tuple(self.items[position] for position in positions))


def digest(capability: str, item: Any, model: str = "") -> str:
    """SHA-256 of one item of a question. Raises NotRecordable for what cannot be written as JSON."""
    if capability in OF_PHOTOS:
        text = item.digest.encode()
    else:
        text = digestible("of the call", _typed(item) if capability == "query" else item)
    return hashlib.sha256(b"\0".join([capability.encode(), model.encode(), text])).hexdigest()


def _typed(value: Any) -> Any:
    """A query's parameters with their types, which BigQuery tells apart where JSON does not: a date and its text."""
    if isinstance(value, dict):
        return {name: _typed(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_typed(item) for item in value]
    if value is None or type(value) in (str, bool, int, float):
        return value
    return [type(value).__name__, value.hex() if isinstance(value, bytes) else str(value)]
