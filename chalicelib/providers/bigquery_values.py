"""Values between Python and BigQuery's REST API: query parameters one way, rows the other.

    Python → parameter                     column → what a row has (JSON values, so that it can be recorded)
    bool, int, float, str    BOOL, INT64, FLOAT64, STRING      INTEGER, FLOAT, NUMERIC, BIGNUMERIC   a number
    bytes, Decimal           BYTES, NUMERIC or BIGNUMERIC      BOOLEAN                               true, false
    datetime with a zone     TIMESTAMP                         TIMESTAMP            "2026-11-25T09:30:00.000000+00:00"
    datetime, date, time     DATETIME, DATE, TIME              DATE, DATETIME, TIME, STRING, BYTES (base64)   a string
    list, tuple              ARRAY, empty: of STRING           REPEATED                              a list
    dict                     STRUCT                            RECORD                                an object
    None                     STRING, null                      JSON                                  its value

A null or an empty list has no type of its own: say it in SQL, ``CAST(@age AS INT64)``. A NUMERIC of more than 15
digits keeps them with ``CAST(… AS STRING)``. Forms: https://cloud.google.com/bigquery/docs/parameterized-queries and
https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any

from chalicelib.errors import ProviderError
from chalicelib.providers.google_json import read

Typed = tuple[dict[str, Any], dict[str, Any]]  # a QueryParameterType and a QueryParameterValue
NULL: dict[str, Any] = {"value": None}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _unsayable(name: str, why: str) -> ProviderError:
    """A value that no parameter can hold. The message names its place and type, never the value."""
    return ProviderError(f"BigQuery: {name} {why}", code="refused", attempts=0)


def parameters(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ``queryParameters`` of named values. Raises ProviderError (refused)."""
    return [parameter(name, *_typed(f"parameter {name}", value)) for name, value in values.items()]


def parameter(name: str, kind: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """One of the ``queryParameters``."""
    return {"name": name, "parameterType": kind, "parameterValue": value}


def table(columns: Mapping[str, str], rows: Sequence[Sequence[Any]], names: Sequence[str]) -> Typed:
    """Rows as one ARRAY<STRUCT> of typed columns. ``names``: what a message calls the columns."""
    struct = {"type": "STRUCT", "structTypes": [{"name": n, "type": {"type": t}} for n, t in columns.items()]}
    values = [
        {
            "structValues": {
                column: _scalar(name, kind, value)
                for (column, kind), name, value in zip(columns.items(), names, row, strict=True)
            }
        }
        for row in rows
    ]
    return {"type": "ARRAY", "arrayType": struct}, {"arrayValues": values}


def _typed(name: str, value: Any) -> Typed:
    if isinstance(value, (list, tuple)):
        return _array(name, value)
    if isinstance(value, Mapping):
        return _struct(name, value)
    kind = _kind(name, value)
    return {"type": kind}, _scalar(name, kind, value)


def _array(name: str, values: Sequence[Any]) -> Typed:
    typed = [_typed(f"{name}[{index}]", value) for index, value in enumerate(values)]
    kinds = [kind for (kind, _), value in zip(typed, values, strict=True) if value is not None]
    kind = kinds[0] if kinds else {"type": "STRING"}
    if {one["type"] for one in kinds} == {"INT64", "FLOAT64"}:
        kind = {"type": "FLOAT64"}
    elif any(one != kind for one in kinds):
        raise _unsayable(name, "is a list of more than one type")
    if kind["type"] == "ARRAY":
        raise _unsayable(name, "is a list of lists, which BigQuery does not have")
    return {"type": "ARRAY", "arrayType": kind}, {"arrayValues": [value for _, value in typed]}


def _struct(name: str, values: Mapping[str, Any]) -> Typed:
    typed = {field: _typed(f"{name}.{field}", value) for field, value in values.items()}
    fields = [{"name": field, "type": kind} for field, (kind, _) in typed.items()]
    return {"type": "STRUCT", "structTypes": fields}, {"structValues": {f: value for f, (_, value) in typed.items()}}


def _kind(name: str, value: Any) -> str:
    for python, kind in _KINDS:
        if isinstance(value, python):
            return kind(value) if callable(kind) else kind
    raise _unsayable(name, f"is of type {type(value).__name__}, which no parameter has")


def _scalar(name: str, kind: str, value: Any) -> dict[str, Any]:
    if value is None:
        return NULL
    accepted, write = SCALARS[kind]
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind != "BOOL"):
        raise _unsayable(name, f"is of type {type(value).__name__}, not {kind}")
    if isinstance(value, (float, Decimal)) and not isfinite(value):
        raise _unsayable(name, "is not a finite number")
    if isinstance(value, int) and kind == "INT64" and not -(2**63) <= value < 2**63:
        raise _unsayable(name, "is beyond INT64")
    return {"value": write(value)}


def _decimal(value: Decimal) -> str:
    exponent = value.as_tuple().exponent
    small = isinstance(exponent, int) and exponent >= -9 and abs(value) < Decimal(10) ** 29
    return "NUMERIC" if small else "BIGNUMERIC"


def _iso(value: date | time) -> str:
    return value.isoformat()


_KINDS: list[tuple[type, str | Callable[[Any], str]]] = [  # a bool is an int and a datetime a date: they come first
    (bool, "BOOL"),
    (int, "INT64"),
    (float, "FLOAT64"),
    (str, "STRING"),
    (bytes, "BYTES"),
    (Decimal, _decimal),
    (datetime, lambda value: "TIMESTAMP" if value.tzinfo else "DATETIME"),
    (date, "DATE"),
    (time, "TIME"),
    (type(None), "STRING"),
]
SCALARS: dict[str, tuple[tuple[type, ...], Callable[[Any], str]]] = {
    "BOOL": ((bool,), lambda value: str(value).lower()),
    "INT64": ((int,), str),
    "FLOAT64": ((float, int), lambda value: repr(float(value))),
    "STRING": ((str,), str),
    "BYTES": ((bytes,), lambda value: b64encode(value).decode()),
    "NUMERIC": ((Decimal, int), lambda value: f"{value:f}"),
    "BIGNUMERIC": ((Decimal, int), lambda value: f"{value:f}"),
    "TIMESTAMP": ((datetime, str), lambda value: value if isinstance(value, str) else _iso(value)),
    "DATETIME": ((datetime, str), lambda value: value if isinstance(value, str) else _iso(value)),
    "DATE": ((date, str), lambda value: value if isinstance(value, str) else _iso(value)),
    "TIME": ((time, str), lambda value: value if isinstance(value, str) else _iso(value)),
}


def records(schema: Any, rows: Any) -> list[dict[str, Any]]:
    """The rows of an answer (with ``useInt64Timestamp``) as objects. Raises ProviderError (bad-answer)."""
    try:
        return [_record(schema["fields"], row) for row in rows]
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError):
        raise ProviderError("BigQuery answered rows that do not fit their schema", code="bad-answer") from None


def _record(fields: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> dict[str, Any]:
    return {field["name"]: _read(field, cell["v"]) for field, cell in zip(fields, row["f"], strict=True)}


def _read(field: Mapping[str, Any], value: Any) -> Any:
    if field.get("mode") == "REPEATED":
        return [_read({**field, "mode": "NULLABLE"}, item["v"]) for item in value or []]
    if value is None:
        return None
    if field["type"] in ("RECORD", "STRUCT"):
        return _record(field["fields"], value)
    if not isinstance(value, str):
        raise ValueError("a cell is a string")
    return _READERS.get(field["type"], str)(value)


def _bool(value: str) -> bool:
    return {"true": True, "false": False}[value.lower()]


def _float(value: str) -> float:
    number = float(value)
    if not isfinite(number):
        raise ValueError(value)
    return number


def _timestamp(microseconds: str) -> str:
    return (EPOCH + timedelta(microseconds=int(microseconds))).isoformat(timespec="microseconds")


_READERS: dict[str, Callable[[str], Any]] = (
    dict.fromkeys(("INTEGER", "INT64"), int)
    | dict.fromkeys(("FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC"), _float)
    | dict.fromkeys(("BOOLEAN", "BOOL"), _bool)
    | {"TIMESTAMP": _timestamp, "JSON": read}
)
