"""Fields that only the decision's logic and its client may read: stored encrypted, masked wherever they are shown.

A sensitive field is plain in this process. It is sealed where a decision is written down: in its place in the JSON
stands ``{"$sealed": "<token>"}``. No JSON text holds that pattern inside a string, where a quote is escaped; so sealed
members are found, opened and masked in the text, and opening gives back the very text that was sealed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from threading import local
from typing import Annotated, Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticSerializationError, core_schema, to_json

T = TypeVar("T")

SEALED = "$sealed"  # the key that is ours in every JSON object that is recorded
MASK = "[sensitive]"
MEMBER = re.compile(r'\{\s*"\$sealed"\s*:\s*"([A-Za-z0-9_=-]*)"\s*\}')


class Writer:
    """How sensitive fields are written: the context of a serialization. Without one they are written plainly."""

    def write(self, text: str) -> Any:
        """What stands for a value. ``text`` is the value's own JSON text."""
        raise NotImplementedError


class Masking(Writer):
    """Writes a mask for every sensitive field."""

    def write(self, text: str) -> Any:
        return MASK


class Collecting(Writer):
    """Notes the JSON text of every sensitive field that is written."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def write(self, text: str) -> Any:
        self.texts.append(text)
        return None


_inside = local()  # of a sensitive field that is being written in this thread


def _write(value: Any, handler: Any, info: Any) -> Any:
    if not isinstance(info.context, Writer) or getattr(_inside, "sensitive", False):
        return handler(value)  # sealed over again at each depth a text would grow by a third, and by a third of that
    _inside.sensitive = True
    try:
        plain = handler(value)
    finally:
        _inside.sensitive = False
    return info.context.write(to_json(plain).decode())


class SensitiveMark:
    """Metadata that marks a type as sensitive."""

    def __repr__(self) -> str:
        return "Sensitive"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        schema["serialization"] = core_schema.wrap_serializer_function_ser_schema(  # type: ignore[index]
            _write, info_arg=True, schema={**schema}, when_used="json"
        )
        return schema

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "x-sensitive": True}


Sensitive = Annotated[T, SensitiveMark()]


def masked(text: str) -> str:
    """A JSON text with every sealed member masked. Takes no key."""
    return MEMBER.sub(f'"{MASK}"', text) if SEALED in text else text


def is_as_annotated(dump: Callable[..., Any], *value: Any, **how: Any) -> bool:
    """Whether a value is what its annotations say, all of it.

    Where a part is not, pydantic writes it as whatever it is, and the marks in its annotation count for nothing.
    """
    try:
        dump(*value, **how, warnings="error", context=Masking())
    except PydanticSerializationError:  # it shows the value
        return False
    return True


def holds_sensitive(schema: Mapping[str, Any]) -> bool:
    """Whether a pydantic core schema holds a sensitive field, at any depth."""
    waiting: list[Any] = [dict(schema)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if item.get("function") is _write:
                return True
            waiting.extend(item.values())
        elif isinstance(item, (list, tuple)):
            waiting.extend(item)
    return False
