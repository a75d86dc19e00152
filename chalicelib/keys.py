"""What a fact key is made of, where the arguments are no facts themselves."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from chalicelib.facts import NotRecordable, canonical


def digestible(name: str, value: Any) -> bytes:
    """What logic passed to a task, as text that is equal for equal values, in any process."""
    try:
        if isinstance(value, (set, frozenset)):
            raise TypeError("a set has no order")
        return canonical(to_jsonable_python(value)).encode()
    except (PydanticSerializationError, TypeError, ValueError) as error:
        raise NotRecordable(f"argument {name!r} of a task cannot be written as JSON: {error}") from error
