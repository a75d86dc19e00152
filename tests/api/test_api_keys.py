"""Who may ask what: API keys, the use cases each may call, and what a stranger learns."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from api_client import InProcess, MakeApi, Reply, stored
from api_server import serving

KEYS = {"shop": "key-of-the-shop-77aa", "photos": "key-of-the-photos-88bb", "admin": "key-of-the-admin-99cc"}
MAY = {"shop": ["refund-check", "trouble"], "photos": ["photo_probe"], "admin": ["*"]}
REFUND = {"user_id": "u-1", "amount": 1.0}


def configured(keys: dict[str, str]) -> str:
    """ARTEMIS_API_KEYS for these clients."""
    digests = {client: hashlib.sha256(key.encode()).hexdigest() for client, key in keys.items()}
    return json.dumps({client: {"sha256": digest, "use_cases": MAY[client]} for client, digest in digests.items()})


@pytest.fixture(params=["local", "production"])
def keyed(request: pytest.FixtureRequest, make_api: MakeApi) -> InProcess:
    """A service with three clients: keys hold on every stage, also on local once there are some."""
    return make_api({"ARTEMIS_STAGE": request.param, "ARTEMIS_API_KEYS": configured(KEYS)})


def client(api: InProcess, name: str) -> InProcess:
    return replace(api, headers={"Authorization": f"Bearer {KEYS[name]}"})


def test_the_local_stage_without_keys_asks_for_none(api: InProcess) -> None:
    assert api.decide("refund-check", REFUND).status == 200
    assert api.get("/v1/use-cases", Authorization="Bearer whatever").status == 200


ASKED = [
    ("POST", "/v1/use-cases/refund-check/decisions"),
    ("POST", "/v1/use-cases/nobody/decisions"),
    ("GET", "/v1/decisions/01a20901-1225-7b1d-a4ef-1cbad7369f76"),
    ("GET", "/v1/decisions"),
    ("GET", "/v1/decisions/01a20901-1225-7b1d-a4ef-1cbad7369f76/labels"),
    ("POST", "/v1/decisions/01a20901-1225-7b1d-a4ef-1cbad7369f76/labels"),
    ("GET", "/v1/use-cases"),
    ("GET", "/openapi.json"),
]
STRANGERS = {
    "nothing": {},
    "an empty header": {"Authorization": ""},
    "no key": {"Authorization": "Bearer"},
    "a blank key": {"Authorization": "Bearer   "},
    "an unknown key": {"Authorization": "Bearer key-of-nobody"},
    "a key's beginning": {"Authorization": "Bearer " + KEYS["shop"][:-1]},
    "a key's digest": {"Authorization": "Bearer " + hashlib.sha256(KEYS["shop"].encode()).hexdigest()},
    "another scheme": {"Authorization": "Basic " + KEYS["shop"]},
    "a key without scheme": {"Authorization": KEYS["shop"]},
    "another header": {"X-Api-Key": KEYS["shop"]},
    "a Korean key": {"Authorization": "Bearer 열쇠"},
    "a raw byte": {"Authorization": "Bearer \udcff"},
}


@pytest.mark.parametrize("headers", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize(("method", "path"), ASKED, ids=[f"{method} {path[:22]}" for method, path in ASKED])
def test_a_stranger_learns_nothing_but_that_a_key_is_needed(
    keyed: InProcess, method: str, path: str, headers: dict[str, str]
) -> None:
    reply = keyed.ask(method, path, "{}" if method == "POST" else None, headers)
    problem = reply.problem(401, "unauthenticated")
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert "refund" not in str(problem)
    assert keyed.rows() == (0, 0)


def test_a_key_that_is_no_text_at_all_is_an_unknown_key(keyed: InProcess) -> None:
    """An event is JSON, so a header in it can hold half a character."""
    keyed.get("/v1/use-cases", Authorization="Bearer \ud800").problem(401, "unauthenticated")


@pytest.mark.parametrize("path", ["/health", "/ready", "/docs", "/docs/docs.js"])
def test_what_tells_nothing_needs_no_key(keyed: InProcess, path: str) -> None:
    assert keyed.get(path).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_taken_in_any_case(keyed: InProcess, scheme: str) -> None:
    assert keyed.get("/v1/use-cases", authorization=f"{scheme} {KEYS['shop']}").status == 200


def test_a_client_calls_its_own_use_cases_only(keyed: InProcess) -> None:
    assert client(keyed, "shop").decide("refund-check", REFUND).status == 200
    assert client(keyed, "admin").decide("refund-check", REFUND).status == 200
    rows = keyed.rows()
    refused = client(keyed, "photos").decide("refund-check", REFUND)
    refused.problem(404, "not-found")
    unknown = client(keyed, "photos").decide("refund-chick", REFUND)
    assert refused.content == unknown.content.replace(b"refund_chick", b"refund_check")
    assert keyed.rows() == rows


def test_a_client_reads_the_decisions_of_its_own_use_cases_only(keyed: InProcess) -> None:
    made = client(keyed, "shop").decide("refund-check", REFUND)
    where = made.headers["location"]
    assert client(keyed, "shop").get(where).content == made.content
    assert client(keyed, "admin").get(where, {"include": ["trace"]}).status == 200
    for query in (None, {"include": ["trace"]}):
        refused = client(keyed, "photos").get(where, query)
        refused.problem(404, "not-found")
        nowhere = client(keyed, "photos").get(where[:-1] + ("0" if where[-1] != "0" else "1"), query)
        assert len(refused.content) == len(nowhere.content)


def test_a_client_sees_its_own_use_cases_only(keyed: InProcess) -> None:
    def seen(name: str) -> set[str]:
        return {entry["name"] for entry in client(keyed, name).get("/v1/use-cases").json["use_cases"]}

    assert seen("shop") == {"refund_check", "trouble"}
    assert seen("photos") == {"photo_probe"}
    assert seen("admin") > {"refund_check", "photo_probe", "trouble"}
    contract = client(keyed, "photos").get("/openapi.json").content.decode()
    assert "photo-probe" in contract
    assert "refund" not in contract.lower()


def test_who_asked_is_recorded(keyed: InProcess) -> None:
    decision_id = client(keyed, "shop").decide("refund-check", REFUND).json["id"]
    row, _ = stored(keyed.database, decision_id)
    assert (row["client"], row["stage"]) == ("shop", keyed.service.settings.stage)


def test_the_stage_decides_with_its_own_parameters(make_api: MakeApi) -> None:
    api = make_api({"ARTEMIS_STAGE": "production", "ARTEMIS_API_KEYS": configured(KEYS)})
    shop = client(api, "shop")
    made = shop.decide("refund-check", {**REFUND, "amount": 75.0}).json
    assert made["decision"]["outcome"] == "review"
    listed = {entry["name"]: entry for entry in shop.get("/v1/use-cases").json["use_cases"]}
    assert listed["refund_check"]["parameters"]["limit"]["value"] == 50.0
    assert listed["refund_check"]["version"] == made["version"]


def test_a_key_is_in_no_answer_and_no_log(keyed: InProcess, caplog: pytest.LogCaptureFixture) -> None:
    keyed.service.settings = replace(keyed.service.settings, deadline=2.0)
    shop = client(keyed, "shop")
    with caplog.at_level(logging.DEBUG):
        replies: list[Reply] = [
            shop.decide("refund-check", REFUND),
            shop.decide("refund-check", {}),
            shop.decide("trouble", {"user_id": "u", "mode": "logic-raises"}),
            shop.get("/v1/use-cases"),
            shop.get("/openapi.json"),
            keyed.get("/v1/use-cases", Authorization=f"Basic {KEYS['shop']}"),
        ]
        shop.service.store = None  # type: ignore[assignment]  # an unexpected error
        replies.append(shop.decide("refund-check", REFUND))
    assert replies[-1].status == 500
    digest = hashlib.sha256(KEYS["shop"].encode()).hexdigest()
    for text in [caplog.text, *(str(reply) for reply in replies)]:
        assert KEYS["shop"] not in text
        assert digest not in text


def test_keys_hold_over_a_real_connection(served_project: Path, tmp_path: Path) -> None:
    keys = configured({"admin": KEYS["admin"]})
    with serving(served_project, tmp_path, tmp_path / "decisions.db", ARTEMIS_API_KEYS=keys) as server:
        for key, status in ((None, 401), ("nobody", 401), (KEYS["admin"], 200)):
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            answer = httpx.get(f"{server.url}/v1/use-cases", headers=headers, trust_env=False)
            assert answer.status_code == status
            assert ("www-authenticate" in answer.headers) == (status == 401)
        assert KEYS["admin"] not in server.log.read_text()
