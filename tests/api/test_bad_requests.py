"""Requests that are not valid: each is refused with its exact problem and pointer, and leaves nothing behind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_client import InProcess, OverSocket, Reply, encode, resolve

OK = {"user_id": "u-1", "amount": 1.0}
DEEP = "[" * 100_000 + "]" * 100_000
DIGITS = "9" * 5000

# (what it is, body, pointers of the problems): refused with 422
INVALID: list[tuple[str, Any, list[str]]] = [
    ("a number as text", {**OK, "amount": "1.0"}, ["/amount"]),
    ("a boolean as number", {**OK, "amount": True}, ["/amount"]),
    ("a null for a number", {**OK, "amount": None}, ["/amount"]),
    ("a number for a text", {**OK, "user_id": 7}, ["/user_id"]),
    ("a fraction for a whole number", {**OK, "items": [{"sku": "a", "count": 1.5}]}, ["/items/0/count"]),
    ("an object for a list", {**OK, "items": {}}, ["/items"]),
    ("a word that is not offered", {**OK, "channel": "fax"}, ["/channel"]),
    ("an empty subject", {**OK, "user_id": ""}, ["/user_id"]),
    ("a subject that is too long", {**OK, "user_id": "u" * 201}, ["/user_id"]),
    ("a missing field", {"user_id": "u-1"}, [""]),
    ("a missing nested field", {**OK, "items": [{"sku": "a"}, {}]}, ["/items/1"]),
    ("an unknown field", {**OK, "colour": "red"}, ["/colour"]),
    ("an unknown nested field", {**OK, "items": [{"sku": "a", "colour": "red"}]}, ["/items/0/colour"]),
    ("an unknown field with an odd name", {**OK, "a/b~c": 1}, ["/a~1b~0c"]),
    ("an unknown field without a name", {**OK, "": 1}, ["/"]),
    ("several problems at once", {"user_id": 1, "amount": "x", "z": 1}, ["/user_id", "/amount", "/z"]),
    ("an array", [OK], [""]),
    ("an empty array", [], [""]),
    ("null", "null", [""]),
    ("a number", "3", [""]),
    ("a text", '"u-1"', [""]),
    ("true", "true", [""]),
    ("an empty object", {}, ["", ""]),
    ("NaN", '{"user_id": "u", "amount": NaN}', ["/amount"]),
    ("Infinity", '{"user_id": "u", "amount": Infinity}', ["/amount"]),
    ("-Infinity", '{"user_id": "u", "amount": -Infinity}', ["/amount"]),
    ("1e999", '{"user_id": "u", "amount": 1e999}', ["/amount"]),
    ("-1e999", '{"user_id": "u", "amount": -1e999}', ["/amount"]),
    ("1e999 in a mapping", '{"user_id": "u", "amount": 1, "weights": {"a": 1, "b/c": 1e999}}', ["/weights/b~1c"]),
    ("NaN where anything goes", '{"user_id": "u", "amount": 1, "free": {"a": [0, NaN]}}', ["/free/a/1"]),
    ("1e999 where anything goes", '{"user_id": "u", "amount": 1, "free": {"a": {"b": 1e999}}}', ["/free/a/b"]),
    ("NUL in a text", '{"user_id": "u\\u0000", "amount": 1}', ["/user_id"]),
    ("NUL in a nested text", '{"user_id": "u", "amount": 1, "items": [{"sku": "\\u0000"}]}', ["/items/0/sku"]),
    ("NUL in a key", '{"user_id": "u", "amount": 1, "weights": {"\\u0000": 1}}', ["/weights/\0"]),
    ("NUL in an unknown key", '{"user_id": "u", "amount": 1, "a\\u0000b": 1}', ["/a\0b"]),
    ("NUL where anything goes", '{"user_id": "u", "amount": 1, "free": {"x": ["\\u0000"]}}', ["/free/x/0"]),
    ("a lone surrogate", '{"user_id": "\\ud800", "amount": 1}', ["/user_id"]),
    ("the other half of a character", '{"user_id": "a\\udc00b", "amount": 1}', ["/user_id"]),
    ("halves in the wrong order", '{"user_id": "\\udc00\\ud800", "amount": 1}', ["/user_id"]),
    ("a nested lone surrogate", '{"user_id": "u", "amount": 1, "items": [{"sku": "\\ud800"}]}', ["/items/0/sku"]),
    ("a repeated key, the last wrong", '{"user_id": "u", "amount": 1, "amount": "x"}', ["/amount"]),
]

# refused with 400: no JSON text
MALFORMED: list[tuple[str, bytes | str | None]] = [
    ("no body", None),
    ("an empty body", ""),
    ("only a space", " "),
    ("cut off", '{"user_id": "u", "amount": 1'),
    ("a comma too many", '{"user_id": "u", "amount": 1,}'),
    ("single quotes", "{'user_id': 'u', 'amount': 1}"),
    ("two values", json.dumps(OK) * 2),
    ("a raw control character", '{"user_id": "a\nb", "amount": 1}'),
    ("a raw NUL", '{"user_id": "a\0b", "amount": 1}'),
    ("a bad escape", '{"user_id": "\\x41", "amount": 1}'),
    ("a cut escape", '{"user_id": "\\ud8", "amount": 1}'),
    ("nested 100,000 deep", DEEP),
    ("a field nested 100,000 deep", f'{{"user_id": "u", "amount": 1, "free": {{"x": {DEEP}}}}}'),
    ("objects nested 100,000 deep", '{"a":' * 100_000 + "1" + "}" * 100_000),
    ("unclosed 100,000 deep", "[" * 100_000),
    ("not UTF-8", b'{"user_id": "\xff", "amount": 1}'),
    ("cut UTF-8", b'{"user_id": "\xea\xb0", "amount": 1}'),
    ("a surrogate in UTF-8", b'{"user_id": "\xed\xa0\x80", "amount": 1}'),
    ("an overlong NUL", b'{"user_id": "\xc0\x80", "amount": 1}'),
    ("UTF-16", json.dumps(OK).encode("utf-16")),
    ("Korean in its old encoding", '{"user_id": "가", "amount": 1}'.encode("cp949")),
    ("a form", "user_id=u&amount=1"),
    ("a zip file", b"PK\x03\x04\xff\xff"),
]

# refused, whichever way: the number is more than a number may be
TOO_LONG = [
    f'{{"user_id": "u", "amount": {DIGITS}}}',
    f'{{"user_id": "u", "amount": -{DIGITS}}}',
    f'{{"user_id": "u", "amount": 1, "items": [{{"sku": "a", "count": {DIGITS}}}]}}',
    f'{{"user_id": "u", "amount": 1, "free": {{"x": {DIGITS}}}}}',
    f'{{"user_id": "u", "amount": 1, "unknown": {DIGITS}}}',
]


def check_invalid(reply: Reply, body: Any, pointers: list[str]) -> None:
    errors = reply.problem(422, "invalid-request")["errors"]
    assert sorted(error["pointer"] for error in errors) == sorted(pointers)
    sent = json.loads(encode(body) or "")
    for error in errors:
        resolve(error["pointer"], sent)
        assert error["detail"]


@pytest.mark.parametrize(("body", "pointers"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID])
def test_an_invalid_request_is_refused_where_it_is_wrong(api: InProcess, body: Any, pointers: list[str]) -> None:
    check_invalid(api.decide("refund-check", body), body, pointers)
    assert api.rows() == (0, 0)


@pytest.mark.parametrize("body", [case[1] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_what_is_no_json_text_is_refused(api: InProcess, body: bytes | str | None) -> None:
    api.decide("refund-check", body).problem(400, "malformed-body")
    assert api.rows() == (0, 0)


@pytest.mark.parametrize("body", TOO_LONG, ids=["a float", "negative", "an int", "anything", "an unknown field"])
def test_a_number_of_5000_digits_is_refused(api: InProcess, body: str) -> None:
    reply = api.decide("refund-check", body)
    assert reply.status in (400, 422)
    reply.problem(reply.status, {400: "malformed-body", 422: "invalid-request"}[reply.status])
    assert api.rows() == (0, 0)


@pytest.mark.parametrize("length", [308, 310, 4299, 4300, 4301])
@pytest.mark.parametrize("sign", ["", "-"])
def test_a_whole_number_just_within_the_limits_is_kept_or_refused_but_never_breaks(
    api: InProcess, sign: str, length: int
) -> None:
    """Python reads and writes 4300 digits at most, so what is taken in must come out again."""
    number = sign + "9" * length
    body = f'{{"user_id": "u", "amount": 1, "items": [{{"sku": "a", "count": {number}}}], "free": {{"n": {number}}}}}'
    reply = api.decide("refund-check", body)
    if reply.status == 200:
        traced = api.get(reply.headers["location"], {"include": ["trace"]}).json["trace"]["request"]
        assert str(traced["items"][0]["count"]) == str(traced["free"]["n"]) == number
    else:
        assert reply.status in (400, 422)
        assert api.rows() == (0, 0)


@pytest.mark.parametrize("key", ["weights", "free", None], ids=["mapping", "anything", "unknown"])
def test_a_lone_surrogate_in_a_key_is_refused_at_the_object_that_holds_it(api: InProcess, key: str | None) -> None:
    """No UTF-8 answer can name such a key, so the pointer stops at what it can name."""
    inner = '"a\\ud800": 1'
    body = f'{{"user_id": "u", "amount": 1, {inner if key is None else f"{json.dumps(key)}: {{{inner}}}"}}}'
    errors = api.decide("refund-check", body).problem(422, "invalid-request")["errors"]
    assert [error["pointer"] for error in errors] == ["" if key is None else f"/{key}"]
    assert api.rows() == (0, 0)


def test_a_very_long_text_is_taken_whole_and_a_very_long_subject_is_not(api: InProcess) -> None:
    long = "가" * 1_000_000
    made = api.decide("refund-check", {**OK, "note": long})
    assert made.json["decision"]["words"] == long
    check_invalid(api.decide("refund-check", {**OK, "user_id": long}), {**OK, "user_id": long}, ["/user_id"])
    assert api.rows() == (1, 2)


def test_a_request_with_thousands_of_mistakes_lists_only_the_first_ones(api: InProcess) -> None:
    body = {**OK, "items": [{"sku": 1}] * 5000}
    reply = api.decide("refund-check", body)
    check_invalid(reply, body, [f"/items/{number}/sku" for number in range(50)])


def test_a_text_that_only_looks_like_an_escape_is_no_nul(api: InProcess) -> None:
    note = "\\u0000 null NaN"
    assert api.decide("refund-check", {**OK, "note": note}).json["decision"]["words"] == note


ALIASED = {"userId": "u", "theShare": 0.5, "scores": [0.1], "lines": [{"line/text": "x"}]}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ('"theShare": 1e999', "/theShare"),
        ('"userId": "\\u0000"', "/userId"),
        ('"scores": [0, NaN]', "/scores/1"),
        ('"lines": [{"line/text": "\\u0000"}]', "/lines/0/line~1text"),
    ],
    ids=["a number", "a text", "a bare list", "a nested text"],
)
def test_a_pointer_uses_the_names_of_the_wire_not_those_of_the_code(api: InProcess, change: str, pointer: str) -> None:
    assert api.decide("other-names", ALIASED).status == 200
    body = json.dumps(ALIASED)[:-1] + f", {change}}}"
    check_invalid(api.decide("other-names", body), body, [pointer])
    assert api.rows() == (1, 0)


def test_bad_bytes_over_a_real_connection_are_refused_the_same_way(wire: OverSocket) -> None:
    before = wire.rows()
    for _, body in MALFORMED:
        wire.decide("refund-check", body).problem(400, "malformed-body")
    for _, body, pointers in INVALID:
        check_invalid(wire.decide("refund-check", body), body, pointers)
    assert wire.rows() == before
    assert wire.decide("refund-check", OK).status == 200
