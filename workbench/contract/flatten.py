"""A JSON schema as the set of things it lets through: values, and for each kind of value its schemas.

References are followed, ``allOf`` is merged, ``anyOf`` and ``oneOf`` are laid side by side, so that two
schemas written in different ways but meaning the same look the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chalicelib.facts import unescape

ANNOTATIONS = {
    "title",
    "description",
    "examples",
    "default",
    "deprecated",
    "readOnly",
    "writeOnly",
    "$comment",
    "x-sensitive",
}
MAXIMA = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
MINIMA = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
IMPLIED = {  # keyword -> the kind that a schema without ``type`` speaks of
    "properties": "object",
    "additionalProperties": "object",
    "required": "object",
    "items": "array",
    "prefixItems": "array",
    "minItems": "array",
    "maxItems": "array",
    "minLength": "string",
    "maxLength": "string",
    "pattern": "string",
    "minimum": "number",
    "maximum": "number",
}
LIMIT = 32  # references followed in a row


@dataclass
class Form:
    """``values``: JSON text of each enumerated value; ``kinds``: kind -> its schemas; ``anything``: no limit at all."""

    values: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    anything: bool = False


def flatten(schema: Any, root: dict[str, Any]) -> Form:
    """What a schema of the document ``root`` lets through."""
    form = Form()
    for single in _alternatives(schema, root):
        _enter(form, single)
    for schemas in form.kinds.values():  # the same alternative twice says nothing more
        schemas[:] = {json.dumps(each, sort_keys=True): each for each in schemas}.values()
    return form


def _enter(form: Form, schema: dict[str, Any]) -> None:
    if "const" in schema or "enum" in schema:
        for value in [schema["const"]] if "const" in schema else schema["enum"]:
            form.values[json.dumps(value, ensure_ascii=False, sort_keys=True)] = value
        return
    kinds = schema.get("type") or next((kind for key, kind in IMPLIED.items() if key in schema), None)
    if kinds is None:
        form.anything = True
        return
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        form.kinds.setdefault(kind, []).append({key: value for key, value in schema.items() if key != "type"})


def _alternatives(schema: Any, root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema without ``$ref``, ``allOf``, ``anyOf`` and ``oneOf``: one for each way to fit it."""
    if schema is False:
        return
    schema = resolve(schema, root)
    key = next((key for key in ("anyOf", "oneOf") if key in schema), None)
    if key is None:
        yield schema
        return
    base = {name: value for name, value in schema.items() if name != key and name not in ANNOTATIONS}
    base.pop("discriminator", None)
    for choice in schema[key]:
        if choice is not False:
            yield from _alternatives(merge(base, resolve(choice, root)) if base else choice, root)


def resolve(given: Any, root: dict[str, Any]) -> dict[str, Any]:
    """The schema with its references followed and ``allOf`` merged, at its own level only."""
    schema: dict[str, Any] = given if isinstance(given, dict) else {}
    for _ in range(LIMIT):
        if "$ref" in schema:
            beside = {key: value for key, value in schema.items() if key != "$ref"}
            schema = merge(_target(schema["$ref"], root), beside)
        elif "allOf" in schema:
            parts = [resolve(part, root) for part in schema["allOf"]]
            merged = {key: value for key, value in schema.items() if key != "allOf"}
            for part in parts:
                merged = merge(part, merged)
            schema = merged
        else:
            break
    return schema


def _target(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    """What ``#/…`` points at; {} where there is nothing, which lets everything through."""
    found: Any = root
    for token in reference.removeprefix("#").split("/")[1:]:
        found = found.get(unescape(token)) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def merge(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """A schema that asks for both. Where both say how something is called or described, the second counts."""
    merged = dict(first)
    for key, value in second.items():
        merged[key] = _both(key, first[key], value) if key in first else value
    return merged


def _both(key: str, first: Any, second: Any) -> Any:
    if first == second or key in ANNOTATIONS:
        return second
    if key in MINIMA:
        return max(first, second)
    if key in MAXIMA:
        return min(first, second)
    if key == "required":
        return [*first, *(name for name in second if name not in first)]
    if key == "enum":
        return [value for value in first if value in second]
    if key == "properties":
        return first | {name: {"allOf": [first[name], one]} if name in first else one for name, one in second.items()}
    return second
