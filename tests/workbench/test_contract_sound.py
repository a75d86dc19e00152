"""The judgement against a validator: what is said not to break callers does not, for any two schemas."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from workbench.contract.diff import compare

VALUES: list[Any] = [None, True, False, 0, 1, 2, 2.5, -1, "", "가", "ab", "보류", [], ["가"], [1, 2], {}]
INSTANCES = VALUES + [{"a": value} for value in VALUES] + [{"a": 1, "b": value} for value in VALUES] + [{"b": "가"}]

BOUNDS = st.integers(0, 3)
LEAVES = st.one_of(
    st.sampled_from([{}, {"type": "null"}, {"type": "boolean"}]),
    st.fixed_dictionaries({"type": st.just("string")}, optional={"minLength": BOUNDS, "maxLength": BOUNDS}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={"minimum": BOUNDS, "exclusiveMinimum": BOUNDS, "maximum": BOUNDS, "exclusiveMaximum": BOUNDS},
    ),
    st.fixed_dictionaries({"type": st.sampled_from([["string", "null"], ["integer", "string"], ["number", "null"]])}),
    st.builds(
        lambda values: {"enum": values}, st.lists(st.sampled_from(["가", "보류", 1, 2, None]), min_size=1, unique=True)
    ),
    st.builds(lambda value: {"const": value}, st.sampled_from(["가", 1, None])),
)


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    objects = st.fixed_dictionaries(
        {"type": st.just("object")},
        optional={
            "properties": st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
            "required": st.lists(st.sampled_from(["a", "b"]), unique=True),
            "additionalProperties": st.booleans() | inner,
        },
    )
    lists = st.fixed_dictionaries(
        {"type": st.just("array")}, optional={"items": inner, "maxItems": BOUNDS, "minItems": BOUNDS}
    )
    choices = st.builds(lambda some: {"anyOf": some}, st.lists(inner, min_size=1, max_size=3))
    both = st.builds(lambda some: {"allOf": [some]}, inner)
    return objects | lists | choices | both


SCHEMAS = st.recursive(LEAVES, around, max_leaves=6)


def breaks(old: Any, new: Any, side: Any) -> bool:
    return any(severity == "breaking" for _, _, severity, _ in compare(old, new, side, old, new))


@settings(max_examples=300, deadline=None)
@given(SCHEMAS, SCHEMAS)
def test_what_does_not_break_callers_of_a_request_takes_all_that_was_taken(old: Any, new: Any) -> None:
    if not breaks(old, new, "request"):
        before, after = Draft202012Validator(old), Draft202012Validator(new)
        assert [i for i in INSTANCES if before.is_valid(i) and not after.is_valid(i)] == []


@settings(max_examples=300, deadline=None)
@given(SCHEMAS, SCHEMAS)
def test_what_does_not_break_readers_of_a_response_gives_nothing_unheard_of(old: Any, new: Any) -> None:
    if not breaks(old, new, "response"):
        before, after = Draft202012Validator(old), Draft202012Validator(new)
        assert [i for i in INSTANCES if after.is_valid(i) and not before.is_valid(i)] == []
