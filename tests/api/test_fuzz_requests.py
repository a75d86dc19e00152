"""Whatever is sent, there is no 5xx, and a row is written exactly when there is a decision."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from api_client import InProcess, resolve
from api_pictures import encoded, photo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

BOUNDED = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,  # the same cases in every run
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
OK = {"user_id": "u-1", "amount": 1.5, "items": [{"sku": "a", "count": 2}], "weights": {"w": 0.5}, "free": {"x": [1]}}

# characters that JSON, SQL, HTTP and pointers care about, beside all others
TRICKY = st.sampled_from(["", "\0", "\ud800", "~", "/", "~1", '"', "\\", "\x7f", "가", "🙂", "\ufeff", "a" * 300])
TEXT = st.text(st.characters(), max_size=12) | TRICKY
NUMBER = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**63, 1e308, -0.0])
LEAF = st.none() | st.booleans() | NUMBER | TEXT
ANYTHING = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))
FIELDS = st.sampled_from([*OK, "note", "channel", "photo"]) | TEXT


class Rows:
    """Counts what was written, over one connection."""

    def __init__(self, api: InProcess) -> None:
        assert api.decide("refund-check", OK).status == 200
        self.connection = sqlite3.connect(f"file:{api.database}?mode=ro", uri=True)

    def count(self) -> tuple[int, int]:
        query = "SELECT (SELECT count(*) FROM decisions), (SELECT count(*) FROM task_results)"
        decisions, results = self.connection.execute(query).fetchone()
        return decisions, results


@pytest.fixture
def rows(api: InProcess) -> Rows:
    return Rows(api)


def check(api: InProcess, rows: Rows, use_case: str, body: bytes | str, facts: int) -> None:
    """The answer is a decision and its rows, or a problem and nothing."""
    decisions, results = rows.count()
    reply = api.decide(use_case, body)
    if reply.status == 200:
        assert rows.count() == (decisions + 1, results + facts)
        assert api.get(reply.headers["location"], {"include": ["trace"]}).status == 200
        return
    assert rows.count() == (decisions, results)
    problem = reply.json
    assert (reply.status, problem["type"].rpartition(":")[2]) in {(400, "malformed-body"), (422, "invalid-request")}
    if reply.status == 422 and "surrogate" not in str(problem):
        sent = json.loads(body)
        for error in problem["errors"]:
            resolve(error["pointer"], sent)


@BOUNDED
@given(ANYTHING)
def test_any_json_at_all(api: InProcess, rows: Rows, value: Any) -> None:
    check(api, rows, "refund-check", json.dumps(value), 2)


@BOUNDED
@given(st.dictionaries(FIELDS, ANYTHING, max_size=3))
def test_a_good_request_with_some_fields_replaced_or_added(api: InProcess, rows: Rows, change: dict[str, Any]) -> None:
    check(api, rows, "refund-check", json.dumps(OK | change), 2)


@BOUNDED
@given(st.data())
def test_a_good_request_with_some_bytes_changed(api: InProcess, rows: Rows, data: st.DataObject) -> None:
    body = bytearray(json.dumps(OK).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        length = data.draw(st.integers(0, 3))
        body[start : start + length] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"1e999", b"NaN", b"\\u0000"])
        )
    check(api, rows, "refund-check", bytes(body), 2)


@BOUNDED
@given(st.dictionaries(st.sampled_from(["base64", "sample", "s3", "url"]) | TEXT, ANYTHING, max_size=2))
def test_any_object_as_a_photo(api: InProcess, rows: Rows, value: dict[str, Any]) -> None:
    check(api, rows, "photo-probe", json.dumps({"user_id": "u", "photo": value}), 1)


@BOUNDED
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_a_picture_with_some_bytes_changed(api: InProcess, rows: Rows, kind: str, data: st.DataObject) -> None:
    """What Pillow makes of it is a decision or a refusal; it is never our error."""
    picture = bytearray(encoded(kind, (8, 8)))
    for _ in range(data.draw(st.integers(1, 6))):
        picture[data.draw(st.integers(0, len(picture) - 1))] = data.draw(st.integers(0, 255))
    picture = picture[: data.draw(st.integers(1, len(picture)))]
    check(api, rows, "photo-probe", json.dumps({"user_id": "u", "photo": photo(bytes(picture))}), 1)


@BOUNDED
@given(st.dictionaries(st.sampled_from(["include"]) | TEXT, st.lists(TEXT, min_size=1, max_size=3), max_size=2), TEXT)
def test_any_query_and_any_id(api: InProcess, query: dict[str, list[str]], name: str) -> None:
    reply = api.get("/v1/decisions/" + name.replace("/", "%2F"), query or None)
    assert reply.status in (404, 405, 422)


@BOUNDED
@given(st.dictionaries(st.sampled_from(["Authorization", "Accept", "X-A"]), st.text(max_size=20)), st.text(max_size=20))
def test_any_header(api: InProcess, headers: dict[str, str], media: str) -> None:
    reply = api.ask("POST", "/v1/use-cases/refund-check/decisions", "{}", headers | {"Content-Type": media})
    assert reply.status in (415, 422)
