"""The Idempotency-Key as a caller meets it: the same request again, another one, too early, too late."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx
import pytest
from api_client import InProcess, MakeApi, OverSocket, Reply
from api_pictures import asking, encoded
from sqlalchemy import text

from chalicelib.errors import KeyReused
from chalicelib.keyed import decide_keyed
from chalicelib.service import LOCAL_CLIENT, Asked
from chalicelib.vault import new_key
from tests.emulators.s3 import started

PATH = "/v1/use-cases/refund-check/decisions"
JSON = {"Content-Type": "application/json"}
OK = '{"user_id": "회원-1", "amount": 1.0}'


def ask(api: InProcess | OverSocket, body: bytes | str = OK, key: str = "k-1", path: str = PATH) -> Reply:
    return api.post(path, body, **{"Idempotency-Key": key})


def check_replayed(first: Reply, again: Reply) -> None:
    assert (first.status, again.status) == (200, 200), again.content
    assert again.content == first.content
    assert again.headers["location"] == first.headers["location"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")


@pytest.fixture
def each(make_api: MakeApi, emptied_url: str) -> InProcess:
    """The small use cases on each kind of database."""
    return make_api(url=emptied_url)


def change_claims(api: InProcess, changes: str, **values: Any) -> None:
    with api.service.store().database.begin() as connection:
        connection.execute(text(f"UPDATE idempotency SET {changes}"), values)


def test_the_same_request_again_gets_the_stored_reply(each: InProcess) -> None:
    first = ask(each)
    check_replayed(first, ask(each))
    check_replayed(first, each.post(PATH, OK, **{"idempotency-key": "k-1"}))
    assert each.get(first.headers["location"]).content == first.content


@pytest.mark.parametrize(
    "body",
    [
        '{"amount":1.0,"user_id":"회원-1"}',
        ' {\n\t"user_id" : "회원-1" , "amount" : 1.0 }\r\n',
        '{"user_id": "\\ud68c\\uc6d0-1", "amount": 1.0}',
    ],
    ids=["the order of keys", "white space", "escapes"],
)
def test_how_json_is_written_does_not_matter(api: InProcess, body: str) -> None:
    check_replayed(ask(api), ask(api, body.encode()))


@pytest.mark.parametrize(
    "body",
    ['{"user_id": "회원-1", "amount": 1.5}', '{"user_id": "회원-1", "amount": 1.0, "note": ""}', "{}", "[]", "1"],
)
def test_another_request_under_the_same_key_is_refused(api: InProcess, body: str) -> None:
    first = ask(api)
    problem = ask(api, body).problem(422, "idempotency-key-reused")
    assert "use a new key" in problem["detail"]
    assert api.rows() == (1, 2)
    check_replayed(first, ask(api))


def test_another_contract_is_another_request(api: InProcess) -> None:
    asked = Asked(LOCAL_CLIENT, api.service.use_case(LOCAL_CLIENT, "refund-check"), 1, OK, perf_counter(), 10)
    made = decide_keyed(api.service, asked, "k-1")
    assert decide_keyed(api.service, asked, "k-1").id == made.id
    with pytest.raises(KeyReused):
        decide_keyed(api.service, replace(asked, contract=2), "k-1")


def test_what_is_being_decided_is_to_be_asked_again(each: InProcess) -> None:
    first = ask(each)
    soon = datetime.now(UTC) + timedelta(seconds=20)
    change_claims(each, "state = 'running', owned_until = :soon", soon=_as_stored(each, soon))
    reply = ask(each)
    assert soon.isoformat() in reply.problem(409, "idempotency-key-in-progress")["detail"]
    assert int(reply.headers["retry-after"]) > 0
    ask(each, '{"user_id": "다른", "amount": 1.0}').problem(422, "idempotency-key-reused")
    change_claims(each, "state = 'done'")
    check_replayed(first, ask(each))


def _as_stored(api: InProcess, at: datetime) -> Any:
    sqlite = api.service.store().database.dialect.name == "sqlite"
    return at.replace(tzinfo=None).isoformat(" ") if sqlite else at


@pytest.mark.parametrize("key", ["", " ", "a b", "a\tb", "키", "k" * 201, "k\x7f"])
def test_what_is_no_key_is_refused(api: InProcess, key: str) -> None:
    (error,) = ask(api, key=key).problem(422, "invalid-request")["errors"]
    assert error == {
        "pointer": "",
        "detail": "the header Idempotency-Key has 1 to 200 visible ASCII characters, none of them a space",
    }
    assert api.rows() == (0, 0)


@pytest.mark.parametrize("key", ["k", "k" * 200, '"0b4c2a"', "!~#'%;--"])
def test_what_is_a_key_is_taken_as_it_is(api: InProcess, key: str) -> None:
    check_replayed(ask(api, key=key), ask(api, key=key))
    assert "idempotency-replayed" not in ask(api, key=key[:-1] + "x").headers


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{}", 422, "invalid-request"),
        ('{"user_id": "u", "amount": NaN}', 422, "invalid-request"),
        ('{"user_id": "\\ud83d", "amount": 1.0}', 422, "invalid-request"),
        ("", 400, "malformed-body"),
        ("not JSON", 400, "malformed-body"),
        (b"\xff", 400, "malformed-body"),
        ("[" * 100_000, 400, "malformed-body"),
        ('{"user_id": "u", "free": [' + "1," * 500_001 + "1]}", 422, "invalid-request"),
    ],
    ids=["incomplete", "NaN", "half a character", "nothing", "no JSON", "no UTF-8", "deep", "too many values"],
)
def test_a_refused_request_claims_nothing(api: InProcess, body: Any, status: int, code: str) -> None:
    ask(api, body).problem(status, code)
    made = ask(api)
    assert made.status == 200
    if body != "{}":  # which is JSON, and so another request
        ask(api, body).problem(status, code)


def test_a_request_without_a_key_is_decided_each_time_and_claims_nothing(api: InProcess) -> None:
    assert api.post(PATH, OK).content != api.post(PATH, OK).content
    with sqlite3.connect(api.database) as connection:
        assert connection.execute("SELECT count(*) FROM idempotency").fetchone() == (0,)
    connection.close()


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        ("logic-raises", 500, "step-failed"),
        ("needed-raises", 502, "task-failed"),
        ("brief-sleeps", 504, "task-timeout"),
    ],
)
def test_a_failed_decision_is_tried_again(api: InProcess, mode: str, status: int, code: str) -> None:
    body, path = json.dumps({"user_id": "u", "mode": mode}), "/v1/use-cases/trouble/decisions"
    ids = [ask(api, body, path=path).problem(status, code)["decision_id"] for _ in range(2)]
    assert len(set(ids)) == 2
    replies = [api.get(f"/v1/decisions/{one}").json for one in ids]
    assert [reply["status"] for reply in replies] == ["failed", "failed"]
    assert replies[0]["created_at"] == replies[1]["created_at"]  # the same clock, so the same facts
    trace = api.get(f"/v1/decisions/{ids[1]}", {"include": ["trace"]}).json["trace"]
    assert {step["step"]: step.get("carried_from") for step in trace["steps"]}["seen"] == ids[0]


def test_the_stored_reply_needs_no_photo_any_more(make_api: MakeApi) -> None:
    with started() as s3:
        api = make_api()
        photos = replace(api.service.settings.photos, buckets=("member-photos",), objects=s3.objects)
        api.service.settings = replace(api.service.settings, photos=photos)
        s3.put("member-photos", "회원/1.png", encoded("PNG"))
        body, path = json.dumps(asking({"s3": "s3://member-photos/회원/1.png"})), "/v1/use-cases/photo-probe/decisions"
        first = ask(api, body, path=path)
        s3.clear()
        check_replayed(first, ask(api, body, path=path))
        assert len(s3.calls) == 0
        assert ask(api, body, key="k-2", path=path).status == 503  # there is no such bucket any more


def test_the_stored_reply_is_that_of_the_version_that_decided(make_api: MakeApi, api: InProcess) -> None:
    first = ask(api)
    stricter = make_api(parameters={"refund_check": {"limit": 0.5}})
    check_replayed(first, ask(stricter))
    decided = ask(stricter, key="k-2").json
    assert (first.json["decision"]["outcome"], decided["decision"]["outcome"]) == ("pay", "review")
    assert decided["version"] != first.json["version"]


def test_the_body_is_known_again_after_the_encryption_key_was_changed(
    make_api: MakeApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # where no local key lies
    old, new = new_key(), new_key()
    before, during = (make_api({"ARTEMIS_ENCRYPTION_KEYS": keys}) for keys in (old, f"{new},{old}"))
    plain, first = ask(make_api(), key="k-0"), ask(before)
    check_replayed(first, ask(during))
    check_replayed(plain, ask(during, key="k-0"))
    with sqlite3.connect(before.database) as connection:
        unkeyed, keyed = (row[0] for row in connection.execute("SELECT payload FROM idempotency ORDER BY key"))
    connection.close()
    assert unkeyed != keyed  # of the same body: nobody who reads the table can try out bodies


def test_a_key_is_its_clients_and_its_use_cases_own(make_api: MakeApi) -> None:
    names = ("shop-key-77aa", "app-key-88bb")
    clients = {name: {"sha256": hashlib.sha256(name.encode()).hexdigest(), "use_cases": ["*"]} for name in names}
    api = make_api({"ARTEMIS_API_KEYS": json.dumps(clients)})
    shop, app = (replace(api, headers={"Authorization": f"Bearer {name}"}) for name in names)
    other = "/v1/use-cases/trouble/decisions"
    made = [ask(shop), ask(app), ask(shop, '{"user_id": "u"}', path=other)]
    assert [reply.status for reply in made] == [200] * 3
    assert len({reply.json["id"] for reply in made}) == 3
    check_replayed(made[1], ask(app))


def test_a_real_server_replays_too(wire: OverSocket) -> None:
    check_replayed(ask(wire), ask(wire, key="k-1"))
    reply = httpx.post(wire.url + PATH, content=OK.encode(), headers={"IDEMPOTENCY-KEY": "k-1"} | JSON)
    assert reply.headers["Idempotency-Replayed"] == "true"
    reply = httpx.post(wire.url + PATH, content=OK.encode(), headers={"Idempotency-Key": "a b"} | JSON)
    assert reply.status_code == 422


def test_the_contract_tells_of_it(api: InProcess) -> None:
    document: Any = api.get("/openapi.json").json
    decides = [item["post"] for path, item in document["paths"].items() if path.startswith("/v1/use-cases/")]
    assert len(decides) == len(api.service.manifest.names)
    for operation in decides:
        (parameter,) = operation["parameters"]
        assert (parameter["name"], parameter["in"]) == ("Idempotency-Key", "header")
        assert not parameter.get("required")
        assert "409" in operation["responses"]
        assert "Idempotency-Replayed" in operation["responses"]["200"]["headers"]
