"""Whatever stands in a query, a path, a header or a label: a problem that says so or an honest result, never a 500."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from store_checks import rows
from store_project import PATH, Shop

from tests.api.api_client import Reply

UUID = "01a20901-1225-7b1d-a4ef-1cbad7369f76"
HOSTILE = {
    "empty": "",
    "a space": " ",
    "huge": "가" * 100_000,
    "201 characters": "x" * 201,
    "NUL": "a\0b",
    "half a character": "\ud800",
    "a newline": "a\r\nX-Injected: 1",
    "SQL that drops": "'; DROP TABLE decisions; --",
    "SQL that is true": "' OR '1'='1",
    "LIKE for anything": "%",
    "a format": "{0.__class__} %s %(id)s ${jndi:ldap://x}",
    "another script": "회원-٣-𝟙",
    "from right to left": "\u202egnp.exe",
    "no character": "\uffff",
    "a path": "..\\..\\etc\\passwd",
    "Arabic digits": "١٢",
    "negative": "-1",
    "nought": "0",
    "too much": "9" * 30,
    "a fraction": "1.5",
    "not a number": "NaN",
    "an exponent": "1e9",
    "a list": "[1]",
    "a negative age": "-5d",
    "an endless age": "99999999999999d",
    "no day": "2026-02-30",
    "the year 0": "0000-01-01",
    "the last moment": "9999-12-31T23:59:59-14:00",
    "the first moment": "0001-01-01T00:00:00+14:00",
    "another calendar": "٢٠٢٦-٠١-٠١",
    "no zone": "2026-11-01T00:00:00",
    "a week": "2026-W01-1",
    "upper case": UUID.upper(),
    "a braced id": "{" + UUID + "}",
    "an id's name": f"urn:uuid:{UUID}",
    "an id without dashes": UUID.replace("-", ""),
    "the lowest id": "0" * 8 + "-0000-0000-0000-" + "0" * 12,
    "the highest id": "f" * 8 + "-ffff-ffff-ffff-" + "f" * 12,
}
PARAMETERS = ("use_case", "subject", "outcome", "since", "cursor", "limit", "include", "unknown")


@pytest.fixture
def shop(database_url: str, new_shop: Callable[[str], Shop]) -> Shop:
    return new_shop(database_url)


def check(reply: Reply, *fine: int) -> Reply:
    """One of the statuses that are ``fine``, or a problem of the caller's that says what it is."""
    assert reply.status in fine or reply.status in (400, 404, 422), (reply.status, reply.content[:500])
    if reply.status >= 400:
        assert reply.json["status"] == reply.status and reply.json["detail"]
        assert len(reply.content) < 20_000  # what is huge is not said again
    assert "x-injected" not in reply.headers
    return reply


def test_every_parameter_of_the_list(shop: Shop, database_url: str) -> None:
    made = shop.api.post(PATH, json.dumps({"user_id": "u-1"})).json["id"]
    for name in PARAMETERS:
        for what, value in HOSTILE.items():
            reply = check(shop.api.get("/v1/decisions", {name: [value]}), 200)
            if reply.status == 200:
                found = [one["id"] for one in reply.json["decisions"]]
                expected = [made] if (name, what) in EXPECTED else []
                assert found == expected, (name, what)
            check(shop.api.get("/v1/decisions", {name: [value, value]})).problem(422, "invalid-request")
    everything = {name: [value] for name, value in zip(PARAMETERS, HOSTILE.values(), strict=False)}
    check(shop.api.get("/v1/decisions", everything)).problem(422, "invalid-request")
    assert rows(database_url, "SELECT count(*) FROM decisions")[0][0] == 1


EXPECTED = {("cursor", "the highest id"), ("since", "the first moment")}


def test_every_id_in_a_path(shop: Shop, database_url: str) -> None:
    made = shop.api.post(PATH, json.dumps({"user_id": "u-1"})).json["id"]
    label = json.dumps({"outcome": "pay", "who": "김"})
    for value in [*HOSTILE.values(), made.upper(), f" {made}", f"{made}\0"]:
        path = f"/v1/decisions/{quote(value, safe='', errors='surrogatepass') or '%20'}"
        for reply in (
            shop.api.get(path),
            shop.api.get(path, {"include": ["trace"]}),
            shop.api.get(f"{path}/labels"),
            shop.api.post(f"{path}/labels", label),
        ):
            check(reply).problem(404, "not-found")
    assert rows(database_url, "SELECT count(*) FROM labels")[0][0] == 0


def test_every_field_of_a_label(shop: Shop, database_url: str) -> None:
    path = shop.api.post(PATH, json.dumps({"user_id": "u-1"})).headers["location"]
    label, stored = {"outcome": "pay", "who": "김", "reason": "이유"}, 0
    for name in (*label, "unknown"):
        for value in [*HOSTILE.values(), None, 1, True, [], {}, ["pay"]]:
            reply = check(shop.api.post(f"{path}/labels", json.dumps({**label, name: value})), 201)
            stored += reply.status == 201
    for body in (None, "", "[]", "null", "{", '{"outcome":"pay","outcome":"pay","who":"김"}', b"\xff", "[" * 100_000):
        stored += check(shop.api.post(f"{path}/labels", body), 201).status == 201
    assert rows(database_url, "SELECT count(*) FROM labels")[0][0] == stored > 0
    assert len(shop.api.get(f"{path}/labels").json["labels"]) == stored


def test_every_idempotency_key(shop: Shop, database_url: str) -> None:
    body, decided = json.dumps({"user_id": "u-1"}), 0
    for value in [*HOSTILE.values(), "x" * 200, "';DROP/**/TABLE/**/idempotency;--", "%s%(key)s{0}"]:
        reply = check(shop.api.post(PATH, body, **{"Idempotency-Key": value}), 200)
        if reply.status == 200:
            decided += 1
            again = shop.api.post(PATH, body, **{"Idempotency-Key": value})
            assert (again.content, again.headers["idempotency-replayed"]) == (reply.content, "true")
            check(shop.api.post(PATH, json.dumps({"user_id": "u-2"}), **{"Idempotency-Key": value}))
        else:
            reply.problem(422, "invalid-request")
    assert rows(database_url, "SELECT count(*) FROM decisions")[0][0] == decided
