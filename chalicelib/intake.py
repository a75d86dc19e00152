"""Reading a request: bytes from anywhere in, a validated request or a clear 4xx out.

Unknown fields are refused, nested ones too, unless a model says otherwise. Numbers are finite,
texts hold no NUL and no lone surrogate. Each problem has a JSON pointer that names only what is
in the input.
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib.errors import ContractError, Fault, Invalid, Malformed
from chalicelib.facts import (
    NUL,
    SILENT,
    all_finite,
    escape,
    find,
    find_key,
    has_nul,
    has_surrogate,
    not_finite,
    suspicious,
    unescape,
)
from chalicelib.photo import Photo, PhotoPolicy
from chalicelib.run import Intake
from chalicelib.sensitive import SEALED, holds_sensitive, is_as_annotated

MAX_ERRORS = 50  # problems that one answer lists
MAX_VALUES = 500_000  # reading more, or refusing each, would keep every other request waiting
QUOTABLE = 10_000  # characters of a request in which quoted values are looked for
NO_FIELD = "there is no such field"
COUNTABLE = 10_000  # with more, making the list would keep every other request waiting
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


def read(model: type[BaseModel], body: bytes | str, policy: PhotoPolicy) -> Intake:
    """The request in ``body``, its large photos put in S3 where the stage says so.

    Raises Malformed (400), Invalid (422), or Unavailable (503) when S3 is needed and does not answer.
    """
    text = _decode(body)
    try:
        return _read(model, text, policy)
    except Invalid as refused:
        if _is_sensitive(model):
            raise Invalid(_without_keys(refused.errors, text, _field_names(model))) from None
        raise


def _read(model: type[BaseModel], text: str, policy: PhotoPolicy) -> Intake:
    if text.count(",") > MAX_VALUES:
        raise Invalid([{"pointer": "", "detail": f"the request has over {MAX_VALUES} values"}])
    try:
        request = model.model_validate_json(text, strict=True, context=policy, **_extra(model))
    except ValidationError as error:
        raise _refusal(error, text, model) from None
    if policy.upload is not None:
        from chalicelib.uploads import put_away

        seal(request, text)  # nothing is put anywhere for a request that is refused
        put_away(request, policy)
    return seal(request, text)


def seal(request: BaseModel, text: str = "") -> Intake:
    """A validated request with its record. Raises Invalid for what cannot be recorded.

    ``text`` is what the request was read from: problems are pointed out in it.
    """
    record = request.model_dump_json(round_trip=True, warnings=False)
    if suspicious(record):
        _look_closer(request, text, record)
    return Intake(request, _read_back(type(request), record), record)


def _read_back(model: type[BaseModel], record: str) -> BaseModel:
    """The request as its record has it. Raises ContractError when that is another one, or none."""
    try:
        found = unseal(model, record)
    except ValidationError as error:
        fault = "reading the record of a request refuses it: a validator does not take what it made"
        cause = None if _is_sensitive(model) else error  # it quotes what it was given
        raise ContractError(model.__name__, [Fault("request-record", fault)]) from cause
    if found.model_dump_json(round_trip=True, warnings=False) != record:
        fault = "reading the record of a request gives another request: a validator changes what it is given twice"
        raise ContractError(model.__name__, [Fault("request-record", fault)])
    if _is_sensitive(model) and not is_as_annotated(found.model_dump_json, round_trip=True):
        fault = "a validator gives what does not fit its annotation, so what is Sensitive would be stored plainly"
        raise ContractError(model.__name__, [Fault("sensitive", f"{fault}: annotate what it gives")])
    return found


@lru_cache(maxsize=256)
def _is_sensitive(model: type[BaseModel]) -> bool:
    return holds_sensitive(model.__pydantic_core_schema__)


def _look_closer(request: BaseModel, text: str, record: str) -> None:
    if (pointer := find_key(record, SEALED)) is not None:
        pointer = find_key(text, SEALED) or "" if text else pointer
        raise Invalid([{"pointer": pointer, "detail": f"the key {SEALED!r} is for what is encrypted"}])
    if not all_finite(request.model_dump(round_trip=True, warnings=False)):
        raise Invalid([{"pointer": _pointer(request, text, not_finite), "detail": "the number is not finite"}])
    if NUL in record and find(request, has_nul) is not None:
        raise Invalid([{"pointer": _pointer(request, text, has_nul), "detail": "the text holds a NUL character"}])


def _pointer(request: BaseModel, text: str, test: Callable[[Any], bool]) -> str:
    """Where in the input it is; in the request itself where there is no input, as in a notebook."""
    if not text:
        return find(request, test) or ""
    written = find(json.loads(text), test)
    if written is None:  # a key is always a text
        written = find(json.loads(text), lambda part: isinstance(part, str) and NOT_FINITE.fullmatch(part) is not None)
    return written or ""


def unseal(model: type[BaseModel], record: str) -> BaseModel:
    """A request read back from its record: photos without their bytes."""
    return model.model_validate_json(record, context="recorded", by_name=True, by_alias=False)


def mentioned(annotation: Any, seen: dict[int, Any] | None = None) -> Iterator[Any]:
    """Every type that an annotation mentions, at any depth, and its metadata; each model once."""
    seen = {} if seen is None else seen
    if id(annotation) in seen:
        return
    seen[id(annotation)] = annotation  # kept, so that its id stays its own
    yield annotation
    for part in (*typing.get_args(annotation), *_field_types(annotation)):
        yield from mentioned(part, seen)


def _field_types(annotation: Any) -> list[Any]:
    if not isinstance(annotation, type) or annotation is Photo:
        return []
    if issubclass(annotation, BaseModel):
        return [part for info in annotation.model_fields.values() for part in (info.annotation, *info.metadata)]
    if dataclasses.is_dataclass(annotation) or typing.is_typeddict(annotation):
        return list(typing.get_type_hints(annotation, include_extras=True).values())
    return []


def models_in(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The models that a model is made of, at any depth, itself first."""
    return [found for found in mentioned(model) if isinstance(found, type) and issubclass(found, BaseModel)]


def unrecordable_fields(model: type[BaseModel]) -> list[str]:
    """Fields that a record would lack: what was decided on must be what is recorded."""
    return [
        f"{found.__name__}.{name}"
        for found in models_in(model)
        for name, info in found.model_fields.items()
        if info.exclude
    ]


@lru_cache(maxsize=256)
def _extra(model: type[BaseModel]) -> dict[str, Any]:
    """How unknown fields are refused: by an argument of the call, which outranks every model's own
    setting; so where some model has one, the others are rebuilt to forbid instead."""
    models = models_in(model)
    if not any("extra" in found.model_config for found in models):
        return {"extra": "forbid"}
    for found in reversed(models):
        if "extra" not in found.model_config:
            found.model_config["extra"] = "forbid"
    for found in reversed(models):
        found.model_rebuild(force=True)
    return {}


def _decode(body: bytes | str) -> str:
    if not body:
        raise Malformed("there is no body; send the request as a JSON object")
    if isinstance(body, str):
        return body
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"the body is not UTF-8: byte {error.start} cannot be decoded") from None


def _refusal(error: ValidationError, text: str, model: type[BaseModel]) -> Malformed | Invalid:
    if error.error_count() > COUNTABLE:
        return Invalid([{"pointer": "", "detail": f"{error.error_count()} problems: too many to list"}])
    details = error.errors(include_url=False, include_input=False)
    if details[0]["type"] == "json_invalid":
        return _unparsed(str(details[0]["ctx"]["error"]), text)
    parsed = json.loads(text)
    if _is_sensitive(model):
        _unquote(details, text, model)
    return Invalid([_pointed(dict(detail), parsed) for detail in details[:MAX_ERRORS]])


def _unquote(details: Any, text: str, model: type[BaseModel]) -> None:
    """A validator may quote what it was given: nothing that was sent is said again where some of it is sensitive."""
    from chalicelib.redaction import Redaction

    quoting = [detail for detail in details[:MAX_ERRORS] if detail["type"] not in SILENT]
    redaction = Redaction([text] if quoting and len(text) <= QUOTABLE else [], spared=_field_names(model))
    for detail in quoting:
        detail["msg"] = redaction.in_text(detail["msg"]) if len(text) <= QUOTABLE else "it is refused"


def _without_keys(errors: list[dict[str, str]], text: str, names: frozenset[str]) -> list[dict[str, str]]:
    """Pointers that end before a key which is no field's: what people wrote there may be sensitive, too."""
    parsed = json.loads(text) if any(error["pointer"] for error in errors) else None
    return [error | {"pointer": _known_part(error, parsed, names)} for error in errors]


def _known_part(error: dict[str, str], node: Any, names: frozenset[str]) -> str:
    pointer, tokens = "", error["pointer"].split("/")[1:]
    for at, token in enumerate(tokens, 1):
        part = unescape(token)
        is_unknown_field = at == len(tokens) and error["detail"] == NO_FIELD
        if isinstance(node, dict) and part not in names and not is_unknown_field:
            break
        pointer += "/" + token
        node = node[int(part)] if isinstance(node, list) else node[part]
    return pointer


def _field_names(model: type[BaseModel]) -> frozenset[str]:
    """What every request may say without telling anything: the names of its models' fields."""
    fields = [item for found in models_in(model) for item in found.model_fields.items()]
    return frozenset(name for field, info in fields for name in (field, info.alias) if name)


def _unparsed(reason: str, text: str) -> Malformed | Invalid:
    """No JSON to pydantic's parser. Python's own takes lone surrogates, and so can say where one is."""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return Malformed(f"the body cannot be read: {reason}")
    pointer = find(parsed, has_surrogate)
    if pointer is None:
        return Malformed(f"the body cannot be read: {reason}")
    while has_surrogate(pointer):  # in a key, which a pointer cannot name: the object that holds it
        pointer = pointer.rpartition("/")[0]
    return Invalid([{"pointer": pointer, "detail": "the text holds a lone surrogate, which is no character"}])


def _pointed(detail: dict[str, Any], parsed: Any) -> dict[str, str]:
    """One problem; pydantic's location also names union members and missing fields, which are left out."""
    pointer, node = "", parsed
    for part in detail["loc"]:
        if _holds(node, part):
            node = node[part]
            pointer += "/" + escape(part)
    message = detail["msg"]
    if detail["type"] == "missing":
        message = f"the field {detail['loc'][-1]!r} is missing"
    elif detail["type"] == "extra_forbidden":
        message = NO_FIELD
    return {"pointer": pointer, "detail": message}


def _holds(node: Any, part: str | int) -> bool:
    if isinstance(node, dict):
        return part in node
    return isinstance(node, list) and isinstance(part, int) and part < len(node)
