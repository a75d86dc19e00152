"""Sensitive values are masked in what exceptions say, and in JSON."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from pydantic import TypeAdapter

from chalicelib.redaction import MOST_VALUES, Redaction


@pytest.mark.parametrize(
    ("values", "said", "shown"),
    [
        (["김철수"], "김철수님은 없다", "[sensitive]님은 없다"),
        (["010-1234-5678"], "no '010-1234-5678' here", "no '[sensitive]' here"),
        (["a\nb'c"], f"got {'a' + chr(10) + 'b' + chr(39) + 'c'!r}", 'got "[sensitive]"'),
        (['따옴표"표'], json.dumps({"a": '따옴표"표'}), '{"a": "[sensitive]"}'),
        (["1987-03-29"], f"born {date(1987, 3, 29)!r}, {date(1987, 3, 29)}", "born [sensitive], [sensitive]"),
        (["F"], "F is not For (F)", "[sensitive] is not For ([sensitive])"),
        ([30], "age 30 of 300 is 30.5 or 30.", "age [sensitive] of 300 is 30.5 or [sensitive]."),
        ([12.5], "12.5 and 112.5", "[sensitive] and 1[sensitive]"),
        ([True, None, ""], "True, None and ''", "True, None and ''"),
        ([{"열쇠": ["값어치"]}], "열쇠 값어치", "[sensitive] [sensitive]"),
        (["길동", "길동이네"], "길동이네", "[sensitive]"),
        (["김/철수"], f"{quote('김/철수')} {quote_plus('김/철수')}", "[sensitive] [sensitive]"),
        (["김철수"], str("김철수".encode()), "b'[sensitive]'"),
    ],
)
def test_values_are_masked_in_what_exceptions_say(values: list[Any], said: str, shown: str) -> None:
    assert Redaction(json.dumps(value) for value in values).in_error(said) == shown


def test_what_pydantic_was_given_is_masked_also_where_it_is_cut() -> None:
    with pytest.raises(ValueError, match="input_value") as refused:
        TypeAdapter(int).validate_python("비밀" * 100)
    assert "비밀" in str(refused.value)
    assert "비밀" not in Redaction([]).in_error(str(refused.value))


def test_of_very_many_values_texts_are_masked_whole() -> None:
    """To look for each in each text would take minutes, which a request with that many could make of every trace."""
    redaction = Redaction([json.dumps([f"이름-{number}" for number in range(MOST_VALUES + 1)])])
    assert redaction.in_error("이름-7 is not there") == "[sensitive]"
    data = {"carrier": "a", "이름-7": ["이름-7", 5, None]}
    assert redaction.in_json(data) == {"carrier": "[sensitive]", "[sensitive]": ["[sensitive]", 5, None]}


def test_a_very_long_value_is_masked_too() -> None:
    letter = "편지 " * 300_000
    assert Redaction([json.dumps(letter)]).in_error(f"this: {letter!r}!") == "this: '[sensitive]'!"


def test_values_are_masked_in_json() -> None:
    redaction = Redaction(['"김철수"', "30", '"1987-03-29"'])
    data = {"김철수": [30, 30.0, 31, True], "글": "김철수, 1987-03-29", "b": None}
    assert redaction.in_json(data) == {
        "[sensitive]": ["[sensitive]", "[sensitive]", 31, True],
        "글": "[sensitive], [sensitive]",
        "b": None,
    }
