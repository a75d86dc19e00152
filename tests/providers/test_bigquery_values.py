"""What Python values become as query parameters, and what cells become in a row."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.errors import ProviderError
from chalicelib.providers.bigquery_values import parameters, records


@pytest.mark.parametrize(
    ("value", "kind", "written"),
    [
        (True, "BOOL", "true"),
        (7, "INT64", "7"),
        (0.1, "FLOAT64", "0.1"),
        ("가나다", "STRING", "가나다"),
        (b"\x00\xff", "BYTES", "AP8="),
        (Decimal("1.50"), "NUMERIC", "1.50"),
        (Decimal("1E-12"), "BIGNUMERIC", "0.000000000001"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "TIMESTAMP", "2026-01-02T03:04:05+00:00"),
        (datetime(2026, 1, 2, 3, 4, 5), "DATETIME", "2026-01-02T03:04:05"),
        (date(2026, 1, 2), "DATE", "2026-01-02"),
        (time(3, 4, 5), "TIME", "03:04:05"),
        (None, "STRING", None),
    ],
)
def test_a_value_has_a_type_of_its_own(value: Any, kind: str, written: Any) -> None:
    assert parameters({"it": value}) == [
        {"name": "it", "parameterType": {"type": kind}, "parameterValue": {"value": written}}
    ]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, None, 2], {"type": "INT64"}),
        ((1, 2.5), {"type": "FLOAT64"}),
        ([], {"type": "STRING"}),
        ([None], {"type": "STRING"}),
        (["가"], {"type": "STRING"}),
        ([{"a": 1}], {"type": "STRUCT", "structTypes": [{"name": "a", "type": {"type": "INT64"}}]}),
    ],
)
def test_a_list_has_the_type_of_its_items(values: Any, kind: dict[str, Any]) -> None:
    (it,) = parameters({"it": values})
    assert it["parameterType"] == {"type": "ARRAY", "arrayType": kind}
    assert len(it["parameterValue"]["arrayValues"]) == len(values)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 2**63, [1, "a"], [True, 1], [[1]], object(), {1}, {"a": object()}, Decimal("NaN")],
)
def test_what_no_parameter_can_hold_is_refused_by_name(value: Any) -> None:
    with pytest.raises(ProviderError, match="parameter it") as raised:
        parameters({"it": value})
    assert (raised.value.code, raised.value.attempts) == ("refused", 0)


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("INTEGER", "-9007199254740993", -9007199254740993),
        ("FLOAT", "2.5E-3", 0.0025),
        ("NUMERIC", "12.50", 12.5),
        ("BOOLEAN", "false", False),
        ("STRING", "한글", "한글"),
        ("BYTES", "AP8=", "AP8="),
        ("TIMESTAMP", "1767323045000001", "2026-01-02T03:04:05.000001+00:00"),
        ("TIMESTAMP", "-1", "1969-12-31T23:59:59.999999+00:00"),
        ("DATE", "2026-01-02", "2026-01-02"),
        ("JSON", '{"a": [1, null]}', {"a": [1, None]}),
        ("GEOGRAPHY", "POINT(1 2)", "POINT(1 2)"),
        ("INTEGER", None, None),
    ],
)
def test_a_cell_is_read_by_its_type(kind: str, cell: Any, value: Any) -> None:
    fields = {"fields": [{"name": "it", "type": kind, "mode": "NULLABLE"}]}
    assert records(fields, [{"f": [{"v": cell}]}]) == [{"it": value}]


def test_repeated_records_are_lists_of_objects() -> None:
    inner = [{"name": "x", "type": "INTEGER"}, {"name": "tags", "type": "STRING", "mode": "REPEATED"}]
    fields = {"fields": [{"name": "it", "type": "RECORD", "mode": "REPEATED", "fields": inner}]}
    cell = {"v": [{"v": {"f": [{"v": "1"}, {"v": [{"v": "a"}, {"v": "b"}]}]}}, {"v": {"f": [{"v": None}, {"v": []}]}}]}
    assert records(fields, [{"f": [cell]}]) == [{"it": [{"x": 1, "tags": ["a", "b"]}, {"x": None, "tags": []}]}]


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("FLOAT", {"f": [{"v": "NaN"}]}),
        ("FLOAT", {"f": [{"v": "Infinity"}]}),
        ("INTEGER", {"f": [{"v": "one"}]}),
        ("INTEGER", {"f": [{"v": 1}]}),
        ("BOOLEAN", {"f": [{"v": "maybe"}]}),
        ("TIMESTAMP", {"f": [{"v": "9" * 30}]}),
        ("JSON", {"f": [{"v": "[NaN]"}]}),
        ("STRING", {"f": []}),
        ("STRING", {"f": [{"v": "a"}, {"v": "b"}]}),
        ("STRING", None),
    ],
)
def test_a_row_that_does_not_fit_its_schema_is_a_bad_answer(kind: str, row: Any) -> None:
    with pytest.raises(ProviderError) as raised:
        records({"fields": [{"name": "it", "type": kind}]}, [row])
    assert raised.value.code == "bad-answer"
