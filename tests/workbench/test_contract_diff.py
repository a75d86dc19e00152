"""What a change of a schema means to callers: a table of (old, new, what is said), for requests and for responses."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel

from workbench.contract.diff import PLACES, compare
from workbench.contract.words import Side

Schema = dict[str, Any]


def fields(*required: str, **properties: Any) -> Schema:
    """An object's schema; unknown fields are refused, as in requests."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


TEXT, WHOLE, NUMBER, NULL = ({"type": kind} for kind in ("string", "integer", "number", "null"))
PHOTO = fields("base64", base64=TEXT)
SAMPLE = fields("sample", sample=TEXT)
TREE = {
    "$ref": "#/$defs/Tree",
    "$defs": {"Tree": {"type": "object", "properties": {"name": TEXT, "child": {"$ref": "#/$defs/Tree"}}}},
}
TREE_NULL = {
    "$ref": "#/$defs/Tree",
    "$defs": {
        "Tree": {
            "type": "object",
            "properties": {"name": {"type": ["string", "null"]}, "child": {"$ref": "#/$defs/Tree"}},
        }
    },
}
ONE, TWO = {"enum": ["승인", "거절"]}, {"enum": ["승인", "거절", "보류"]}

# name, old, new, request: what is said, response: what is said; "!" before what breaks callers
TABLE: list[tuple[str, Schema, Schema, list[str], list[str]]] = [
    (
        "a field is removed",
        fields("a", a=TEXT, b=TEXT),
        fields("a", a=TEXT),
        ["!the field `b` is removed"],
        ["!the field `b` is removed"],
    ),
    (
        "a required field is new",
        {**fields(a=TEXT), "additionalProperties": True},
        {**fields("메모", a=TEXT, 메모=TEXT), "additionalProperties": True},
        ["!there is a new required field `메모`"],
        ["there is a new field `메모`"],
    ),
    (
        "an optional field is new where others had been ruled out",
        fields(a=TEXT),
        fields(a=TEXT, b=TEXT),
        ["there is a new optional field `b`"],
        ["!there is a new field `b`"],
    ),
    (
        "optional became required",
        fields(a=TEXT),
        fields("a", a=TEXT),
        ["!the field `a` was optional and is required now"],
        ["the field `a` is always there now"],
    ),
    (
        "required became optional",
        fields("a", a=TEXT),
        fields(a=TEXT),
        ["the field `a` may be left out now"],
        ["!the field `a` may be missing now"],
    ),
    (
        "a value is new",
        fields(o=ONE),
        fields(o=TWO),
        ['`o` takes "보류" too'],
        ['!`o` may be "보류" now'],
    ),
    (
        "a value is gone",
        fields(o=TWO),
        fields(o=ONE),
        ['!`o` no longer takes "보류"'],
        ['`o` is never "보류" any more'],
    ),
    (
        "one value became several",
        {"const": "pay"},
        {"enum": ["pay", "review", 3]},
        ['the request takes "review" or 3 too'],
        ['!the response may be "review" or 3 now'],
    ),
    (
        "values in a list",
        fields(r={"type": "array", "items": ONE}),
        fields(r={"type": "array", "items": TWO}),
        ['`r[]` takes "보류" too'],
        ['!`r[]` may be "보류" now'],
    ),
    (
        "any text instead of some",
        ONE,
        TEXT,
        ['the request takes any text now, not only "승인" or "거절"'],
        ['!the response may be any text now, not only "승인" or "거절"'],
    ),
    (
        "some text instead of any",
        TEXT,
        ONE,
        ['!the request takes only "승인" or "거절" now, not any text'],
        ['the response is only "승인" or "거절" now, not any text'],
    ),
    (
        "null is let through",
        fields(a=TEXT),
        fields(a={"anyOf": [TEXT, NULL]}),
        ["`a` takes null too"],
        ["!`a` may be null now"],
    ),
    (
        "null is not let through, written another way",
        fields(a={"type": ["string", "null"]}),
        fields(a={"oneOf": [TEXT]}),
        ["!`a` no longer takes null"],
        ["`a` is never null any more"],
    ),
    (
        "null among values and null beside them are the same",
        {"enum": ["x", None]},
        {"anyOf": [{"const": "x"}, NULL]},
        [],
        [],
    ),
    (
        "another type",
        fields(a=TEXT),
        fields(a=WHOLE),
        ["!`a` is a whole number now, it was text"],
        ["!`a` is a whole number now, it was text"],
    ),
    (
        "numbers instead of whole ones",
        fields(a=WHOLE),
        fields(a=NUMBER),
        ["`a` takes any number now, not only whole ones"],
        ["!`a` may be any number now, not only whole ones"],
    ),
    (
        "whole numbers only",
        fields(a={**NUMBER, "minimum": 0}),
        fields(a={**WHOLE, "minimum": 1}),
        ["!`a` takes only whole numbers now, not any number", "!`a` must be at least 1 now, it was at least 0"],
        ["`a` is only whole numbers now, not any number", "`a` is always at least 1 now, it was at least 0"],
    ),
    (
        "a bound is tighter",
        fields(a={**NUMBER, "minimum": 0, "maximum": 1}),
        fields(a={**NUMBER, "exclusiveMinimum": 0, "maximum": 0.5}),
        ["!`a` must be more than 0 now, it was at least 0", "!`a` must be at most 0.5 now, it was at most 1"],
        ["`a` is always more than 0 now, it was at least 0", "`a` is always at most 0.5 now, it was at most 1"],
    ),
    (
        "a bound is looser",
        fields(a={**TEXT, "minLength": 2, "maxLength": 3}),
        fields(a={**TEXT, "maxLength": 9}),
        [
            "`a` need not be at least 2 characters long any more",
            "`a` need only be at most 9 characters long now, it was at most 3 characters long",
        ],
        [
            "!`a` need not be at least 2 characters long any more",
            "!`a` is only at most 9 characters long now, it was at most 3 characters long",
        ],
    ),
    (
        "a list has a length",
        {"type": "array", "items": TEXT},
        {"type": "array", "items": TEXT, "maxItems": 5},
        ["!the request must be at most 5 items long now"],
        ["the response is always at most 5 items long now"],
    ),
    (
        "another pattern",
        {**TEXT, "pattern": "^a$"},
        {**TEXT, "pattern": "^b$"},
        ['!the request is of the pattern "^b$" now, it was of the pattern "^a$"'],
        ['!the response is of the pattern "^b$" now, it was of the pattern "^a$"'],
    ),
    (
        "a format is promised no more",
        fields(t={**TEXT, "format": "date-time"}),
        fields(t=TEXT),
        ['`t` need not be of the format "date-time" any more'],
        ['!`t` need not be of the format "date-time" any more'],
    ),
    (
        "unknown fields are refused",
        {"type": "object", "properties": {"a": TEXT}},
        fields(a=TEXT),
        ["!the request refuses unknown fields now"],
        ["the response has no unknown fields now"],
    ),
    (
        "free fields have another type",
        {"type": "object", "additionalProperties": NUMBER},
        {"type": "object", "additionalProperties": {"type": ["number", "string"]}},
        ["`*` takes text too"],
        ["!`*` may be text now"],
    ),
    (
        "anything became something",
        fields(a={}),
        fields(a=TEXT),
        ["!`a` takes only text now, not any value"],
        ["`a` is only text now, not any value"],
    ),
    (
        "one way to give a photo is gone",
        fields(photo={"oneOf": [PHOTO, SAMPLE]}),
        fields(photo={"oneOf": [PHOTO]}),
        ["!`photo` no longer takes an object with sample"],
        ["`photo` is never an object with sample any more"],
    ),
    (
        "one of several alternatives changed",
        {"anyOf": [fields("kind", kind={"const": "a"}, x=TEXT), fields("kind", kind={"const": "b"}, x=TEXT)]},
        {"anyOf": [fields("kind", kind={"const": "a"}, x=TEXT), fields("kind", "x", kind={"const": "b"}, x=TEXT)]},
        ["!the field `x` was optional and is required now"],
        ["the field `x` is always there now"],
    ),
    (
        "allOf says the same as one schema",
        {"allOf": [fields("a", a=TEXT), {"type": "object", "properties": {"a": {"maxLength": 4}}}]},
        {**fields("a", a={**TEXT, "maxLength": 4})},
        [],
        [],
    ),
    ("a model that holds itself is the same", TREE, TREE, [], []),
    (
        "a model that holds itself changed once",
        TREE,
        TREE_NULL,
        ["`name` takes null too"],
        ["!`name` may be null now"],
    ),
    (
        "a default changed",
        fields(a={**TEXT, "default": "가"}),
        fields(a={**TEXT, "default": "나"}),
        ['the default of `a` is "나" now, it was "가"'],
        [],
    ),
    (
        "only the wording changed",
        fields(a={**TEXT, "description": "one", "title": "A"}),
        fields(a={**TEXT, "description": "둘", "title": "B", "examples": ["x"]}),
        ["the description of `a` changed"],
        ["the description of `a` changed"],
    ),
    (
        "what cannot be judged is taken to break",
        {**TEXT, "not": {"const": "a"}},
        {**TEXT, "not": {"const": "b"}},
        ["!the request changed in not, of which it cannot be told whether it breaks callers"],
        ["!the response changed in not, of which it cannot be told whether it breaks callers"],
    ),
]


@pytest.mark.parametrize(
    ("old", "new", "request_says", "response_says"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_a_change_is_told_and_judged_by_its_side(
    old: Schema, new: Schema, request_says: list[str], response_says: list[str]
) -> None:
    assert said(old, new, "request") == request_says
    assert said(old, new, "response") == response_says


@pytest.mark.parametrize("schema", [row[1] for row in TABLE] + [row[2] for row in TABLE], ids=str)
def test_what_did_not_change_is_not_told(schema: Schema) -> None:
    assert said(schema, schema, "request") == said(schema, schema, "response") == []


def said(old: Schema, new: Schema, side: Side) -> list[str]:
    found = compare(old, new, side, old, new)
    return [("!" if severity == "breaking" else "") + message for _, _, severity, message in found]


class Reply(BaseModel):
    """Models that hold each other, through a list and through null."""

    text: str
    answers: list[Thread] = []


class Thread(BaseModel):
    first: Reply | None = None
    state: Literal["open", "closed"] = "open"


def test_models_that_hold_each_other_are_compared_to_their_ends() -> None:
    old = Reply.model_json_schema()
    new = Reply.model_json_schema()
    new["$defs"]["Thread"]["properties"]["state"]["enum"].append("잠김")
    assert said(old, new, "response") == ['!`answers[].state` may be "잠김" now']
    assert said(new, old, "request") == ['!`answers[].state` no longer takes "잠김"']


def test_a_model_that_was_written_out_is_the_same_by_reference() -> None:
    inner = fields("a", a=TEXT)
    referring = {**fields(x={"$ref": "#/$defs/X"}), "$defs": {"X": inner}}
    assert said(fields(x=inner), referring, "request") == []
    assert said(referring, fields(x=inner), "response") == []


def test_references_that_lead_nowhere_or_in_a_circle_end() -> None:
    circle = {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert said(circle, circle, "request") == []
    assert said({"$ref": "#/nowhere"}, TEXT, "response") == ["the response is only text now, not any value"]


def test_wide_models_that_all_hold_each_other_take_no_time() -> None:
    """24 models, each with a field of every other: paths through them are without number."""
    names = [f"M{number}" for number in range(24)]

    def document(last: Schema) -> Schema:
        models = {n: fields(**{other.lower(): {"$ref": f"#/$defs/{other}"} for other in names}, v=last) for n in names}
        return {"$ref": "#/$defs/M0", "$defs": models}

    assert said(document(TEXT), document(TEXT), "request") == []
    assert 24 <= len(said(document(TEXT), document(NUMBER), "request")) <= 24 * PLACES
