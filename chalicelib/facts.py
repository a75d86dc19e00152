"""Facts: a value is written as JSON by its annotation and read back before anybody uses it.

So what is decided on is what is recorded. JSON turns ``{1: (1, 2)}`` into ``{"1": [1, 2]}``; a
consumer that saw the first live and the second in a replay would decide differently.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
import types
import typing
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError
from pydantic_core.core_schema import ErrorType
from typing_extensions import is_typeddict

from chalicelib.errors import ArtemisError
from chalicelib.sensitive import SEALED, Writer, holds_sensitive, is_as_annotated

KINDS = "JSON scalars, dict, list, tuple, Literal, Enum, datetime, a pydantic model or a dataclass"
NUL = "\\u0000"  # as JSON writes the character
SCALARS = (str, int, float, bool, type(None))
# problems that quote nothing of what was given; an author's own type of problem may
SILENT = frozenset(typing.get_args(ErrorType)) - {"value_error", "assertion_error", "union_tag_invalid"}


class NotRecordable(ArtemisError):
    """A value cannot be recorded as it is; the message says which part and why."""


class Codec:
    """Writes and reads values of one annotation. Raises NotRecordable, both ways."""

    __slots__ = ("_adapter", "_expected", "_sensitive")

    def __init__(self, annotation: Any) -> None:
        self._adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        self._expected = describe(annotation)
        self._sensitive: bool | None = None

    @property
    def sensitive(self) -> bool:
        """Whether any part of such a value is sensitive."""
        if self._sensitive is None:
            self._sensitive = holds_sensitive(self._adapter.core_schema)
        return self._sensitive

    def _place(self, parts: tuple[int | str, ...]) -> str:
        """Where something is. What is deeper than a field may be a key of a dict that is sensitive."""
        if self.sensitive:
            schema: Any = self._adapter.core_schema
            has_fields = schema["type"] in ("model", "dataclass") and not schema.get("root_model")
            parts = parts[:1] if has_fields else ()
        return "/".join(map(str, parts)) or "the top"

    def settle(self, value: Any) -> tuple[str, Any]:
        """The value as it is recorded, and as it is read back: what its annotation does not know is gone."""
        text = self.encode(value)
        decoded = self.decode(text)
        if self.sensitive and not is_as_annotated(self._adapter.dump_json, decoded):
            message = f"a validator gives what does not fit the annotation {self._expected}"
            raise NotRecordable(
                f"{message}, so what is Sensitive in it would be stored plainly: annotate what it gives"
            )
        return (text if type(decoded) in SCALARS else self.encode(decoded)), decoded

    def encode(self, value: Any) -> str:
        """The value as JSON text: finite numbers, no NUL, no lone surrogate."""
        if isinstance(value, Iterator):
            raise NotRecordable("the result is an iterator, which can be read only once; make it a list")
        try:
            data = self._adapter.dump_json(value, by_alias=True, warnings=False)
        except (PydanticSerializationError, RecursionError) as error:
            raise NotRecordable(f"the result cannot be written as JSON: {error}") from error
        text = data.decode()
        if suspicious(text):
            self._look_closer(value, text)
        return text

    def rewrite(self, text: str, writer: Writer) -> str:
        """What ``encode`` gave, with its sensitive parts written by ``writer``."""
        if not self.sensitive:
            return text
        value = self.decode(text)
        if type(value) in SCALARS:  # nothing is inside it, so it is sensitive itself; and its text is what counts
            return json.dumps(writer.write(text), ensure_ascii=False, separators=(",", ":"))
        return self._adapter.dump_json(value, by_alias=True, warnings=False, context=writer).decode()

    def _look_closer(self, value: Any, text: str) -> None:
        if (pointer := find_key(text, SEALED)) is not None:
            raise NotRecordable(f"the key {SEALED!r} (at {pointer or 'the top'}) is for what is encrypted")
        if not all_finite(self._adapter.dump_python(value, warnings=False)):
            raise NotRecordable(f"a number is not finite at {find(value, not_finite) or 'the top'}")
        if NUL in text and (pointer := find(value, has_nul)) is not None:
            raise NotRecordable(f"a text holds a NUL character at {pointer or 'the top'}")

    def decode(self, text: str) -> Any:
        """The value that ``text`` stands for, a fresh one each time."""
        try:
            return self._adapter.validate_json(text, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            said = "it is refused" if self.sensitive and first["type"] not in SILENT else first["msg"]
            message = (
                f"the result does not fit its annotation {self._expected}: {said} (at {self._place(first['loc'])})"
            )
            raise NotRecordable(message) from (None if self.sensitive else error)


def canonical(value: Any) -> str:
    """JSON text with sorted keys: equal values, equal text. Raises ValueError on NaN."""
    return _encode(value)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


# What a number that is not finite, a NUL, or our own key may have been written as: rare enough to look closer then.
_SUSPECT = re.compile(
    r'[:\[,](?:null|NaN|-?Infinity)|"-?(?:nan|NaN|inf|Infinity)":|^(?:null|NaN|-?Inf)|\\u0000|"\$sealed"'
)


# One of them is in whatever the pattern finds; a plain search takes a hundredth of the pattern's time.
_SIGNS = ("null", "nan", "NaN", "inf", "Inf", NUL, '"$sealed"')


def suspicious(text: str) -> bool:
    """Whether JSON that pydantic wrote may stand for something that JSON cannot say."""
    for sign in _SIGNS:  # a generator for any() takes three times as long
        if sign in text:
            return _SUSPECT.search(text) is not None
    return False


def all_finite(value: Any) -> bool:
    """Whether no number in plain Python data is NaN or infinite: at the speed of the JSON encoder."""
    try:
        json.dumps(value, allow_nan=False, skipkeys=True, default=lambda other: getattr(other, "__dict__", None))
    except ValueError:
        return False
    except RecursionError:
        return find(value, not_finite) is None
    return True


def not_finite(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def has_nul(value: Any) -> bool:
    return isinstance(value, str) and "\0" in value


def has_surrogate(value: Any) -> bool:
    return isinstance(value, str) and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)


def printable(text: str) -> str:
    """``text`` with what UTF-8 cannot hold escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def find(value: Any, test: Callable[[Any], bool]) -> str | None:
    """The JSON pointer of the first leaf or key that passes ``test``; None when there is none."""
    stack = [("", value)]
    while stack:
        pointer, item = stack.pop()
        if test(item):
            return pointer
        children = [(f"{pointer}/{escape(key)}", child, key) for key, child in _children(item)]
        for path, _, key in children:
            if test(key):
                return path
        stack.extend((path, child) for path, child, _ in reversed(children))
    return None


def find_key(text: str, key: str) -> str | None:
    """The JSON pointer of an object in a JSON text that has this key; None when there is none."""
    if f'"{key}"' not in text:
        return None
    return find(json.loads(text), lambda item: isinstance(item, dict) and key in item)


def escape(part: Any) -> str:
    """One reference token of an RFC 6901 JSON pointer."""
    return str(part).replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    """The name that a reference token stands for."""
    return token.replace("~1", "/").replace("~0", "~")


def _children(item: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(item, BaseModel):
        yield from item.__dict__.items()
        yield from (item.__pydantic_extra__ or {}).items()
    elif dataclasses.is_dataclass(item) and not isinstance(item, type):
        yield from ((field.name, getattr(item, field.name)) for field in dataclasses.fields(item))
    elif isinstance(item, dict):
        yield from item.items()
    elif isinstance(item, (list, tuple, set, frozenset)):
        yield from enumerate(item)


def describe(annotation: Any) -> str:
    """An annotation as its author wrote it, as nearly as can be told."""
    return (
        annotation.__name__
        if isinstance(annotation, type) and not typing.get_args(annotation)
        else (str(annotation).replace("typing.", "").replace("__main__.", ""))
    )


def unrecordable(annotation: Any) -> str | None:
    """Why a task may not return this annotation, or None when it may."""
    if annotation in (Any, object):
        return f"{describe(annotation)} says nothing about what is recorded"
    if annotation in (None, dict, list, tuple, *SCALARS) or annotation in (datetime, date):
        return None
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is Literal:
        return None
    if origin is typing.Annotated:
        return unrecordable(arguments[0])
    if origin in (list, tuple, typing.Union, types.UnionType):
        return _first(unrecordable(argument) for argument in arguments if argument is not ...)
    if origin is dict and (reason := _unrecordable_key(arguments[0])):
        return reason
    if origin is dict:
        return _first(unrecordable(argument) for argument in arguments if argument is not Any)
    return _unrecordable_class(annotation)


def _first(reasons: Iterator[str | None]) -> str | None:
    return next((reason for reason in reasons if reason), None)


def _unrecordable_key(annotation: Any) -> str | None:
    """JSON has only texts for keys: what cannot be read back from one is no key."""
    members = typing.get_args(annotation) if typing.get_origin(annotation) is Literal else ()
    composite = typing.get_origin(annotation) in (tuple, list, dict)
    if annotation in (None, type(None)) or composite or not all(isinstance(member, str) for member in members):
        return f"a key of type {describe(annotation)} cannot be read back from JSON"
    return None


def _unrecordable_class(annotation: Any) -> str | None:
    from chalicelib.photo import Photo

    if annotation is Photo:
        return "a Photo is not a result; return what was found in it"
    model = getattr(annotation, "__origin__", annotation)  # a generic model's class
    if isinstance(model, type) and issubclass(model, BaseModel):
        return _first(_unrecordable_field(model, name, info) for name, info in model.model_fields.items())
    if isinstance(model, type) and (
        issubclass(model, enum.Enum) or dataclasses.is_dataclass(model) or is_typeddict(model)
    ):
        return None
    return f"{describe(annotation)} cannot be written as JSON and read back"


def _unrecordable_field(model: type[BaseModel], name: str, info: Any) -> str | None:
    from chalicelib.photo import Photo

    if info.exclude:
        return f"{model.__name__}.{name} has exclude=True, so a record would lack it"
    if Photo in (info.annotation, *typing.get_args(info.annotation)):
        return f"{model.__name__}.{name} is a Photo, which is not a result; return what was found in it"
    return None
