"""Sensitive fields over HTTP: the client sees its own, the database holds none, the trace and the log are masked."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_client import Contract, InProcess, encode, stored
from api_notebooks import make_project

from chalicelib import bootstrap, trace
from chalicelib.errors import SettingsError
from chalicelib.http.openapi import document
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT
from chalicelib.settings import load
from chalicelib.vault import new_key
from workbench.project import Project
from workbench.testing.cases import BadCase
from workbench.testing.promote import promote

CARE = [
    ("markdown", "# Care call\n\nWho calls this person back?"),
    (
        "export",
        """\
from datetime import date
from typing import Literal
from pydantic import BaseModel, Field, field_validator
from chalicelib.usecase import Sensitive, Subject, task

class Person(BaseModel):
    name: Sensitive[str] = Field(alias="theName")
    born: Sensitive[date]

class Request(BaseModel):
    user_id: Subject
    phone: Sensitive[str]
    person: Person
    aliases: list[Sensitive[str]] = []
    scores: dict[str, Sensitive[float]] = {}
    mode: str = ""

    @field_validator("phone")
    @classmethod
    def check_phone(cls, value):
        if not value.startswith("010"):
            raise ValueError(f"{value} is no phone")
        return value

class Found(BaseModel):
    number: Sensitive[str]
    carrier: str

class Decision(BaseModel):
    outcome: Literal["call", "wait"]
    call: Sensitive[str] | None = None
    born: Sensitive[date]""",
    ),
    ("parameters", "unused: int = 1"),
    (
        "export",
        """\
@task(timeout=5)
def found(phone: str, mode: str) -> Found:
    if mode == "task":
        raise ValueError(f"no carrier of {phone}, {' '.join(phone[4:])} " + "x" * 500)
    return Found(number=phone.replace("-", ""), carrier="길동통신")

@task(timeout=5)
def secret_note(person: Person) -> Sensitive[str]:
    return "메모: " + person.name

@task(timeout=5, fallback="")
def careless(phone: str, mode: str) -> str:
    if mode == "fallback":
        raise RuntimeError(f"cannot reach {phone!r}")
    return ""

def whole(person: Person):
    return {"person": person, "said": "생일 " + str(person.born)}

def hidden(phone: str) -> Sensitive[str]:
    return phone[-4:]

def decide(found, secret_note, careless, whole, hidden, request, mode: str) -> Decision:
    if mode == "step":
        raise ValueError(f"{request.person.name} born {request.person.born!r}, {request.phone}")
    return Decision(outcome="call", call=found.number, born=request.person.born)""",
    ),
]
PHONE, NAME, BORN, ALIAS, SCORE = "010-9274-1185", "김철수", "1987-03-29", "길동이네", 8151.25
PLAIN = [PHONE, PHONE.replace("-", ""), NAME, BORN, ALIAS, str(SCORE)]
REQUEST: dict[str, Any] = {
    "user_id": "회원-1",
    "phone": PHONE,
    "person": {"theName": NAME, "born": BORN},
    "aliases": [ALIAS],
    "scores": {"신용": SCORE},
}
DECISION = {"outcome": "call", "call": PHONE.replace("-", ""), "born": BORN}
STAGES = {"local": "deadline: 25\n", "production": "deadline: 20\n"}
KEY = new_key()

MakeCare = Callable[..., InProcess]


@pytest.fixture(scope="module")
def care(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("care"), STAGES, {"care_call": CARE})


@pytest.fixture
def make_care(care: Project, tmp_path: Path) -> MakeCare:
    """Makes a client of a service with these encryption keys."""
    manifest = Manifest.read(care.generated)

    def make(keys: str | None = KEY, **settings: Any) -> InProcess:
        database = tmp_path / "decisions.db"
        environment = {"ARTEMIS_DATABASE_URL": f"sqlite:///{database}"} | (
            {"ARTEMIS_ENCRYPTION_KEYS": keys} if keys else {}
        )
        loaded = load(environment, manifest.stages, manifest.use_cases, sensitive=manifest.sensitive)
        service = bootstrap.build(replace(loaded, **settings), manifest)
        return InProcess(service, database, Contract(document(manifest, LOCAL_CLIENT)))

    return make


@pytest.fixture
def api(make_care: MakeCare) -> InProcess:
    return make_care()


def decide(api: InProcess, **changes: Any) -> Any:
    reply = api.decide("care-call", {**REQUEST, **changes})
    assert reply.status == 200, reply.content
    return reply.json


def trace_of(api: InProcess, decision_id: str) -> tuple[dict[str, Any], str]:
    reply = api.get(f"/v1/decisions/{decision_id}", {"include": ["trace"]})
    assert reply.status == 200, reply.content
    found: dict[str, Any] = reply.json["trace"]
    return found, json.dumps(found, ensure_ascii=False)


def on_disk(api: InProcess) -> bytes:
    return b"".join(path.read_bytes() for path in api.database.parent.glob(f"{api.database.name}*"))


def leaks(data: bytes) -> list[str]:
    """What is sensitive and stands in ``data``: plainly, as JSON, or as a digest of either."""
    forms = [form for text in PLAIN for form in (text, json.dumps(text, ensure_ascii=False), json.dumps(text))]
    forms += [hashlib.sha256(form.encode()).hexdigest() for form in forms]
    forms += [json.dumps(REQUEST), json.dumps(REQUEST, ensure_ascii=False)]
    return [form for form in forms if form.encode() in data]


def test_the_client_sees_its_decision_and_the_database_holds_nothing_of_it(api: InProcess) -> None:
    made = decide(api)
    assert made["decision"] == DECISION
    assert api.get(f"/v1/decisions/{made['id']}").json["decision"] == DECISION
    row, facts = stored(api.database, made["id"])
    assert row["subject"] == "회원-1" and row["outcome"] == "call" and row["salt"]
    assert set(json.loads(row["request"])["phone"]) == {"$sealed"}
    assert json.loads(facts[1]["output"])["carrier"] == "길동통신"
    assert leaks(on_disk(api)) == []
    assert leaks(json.dumps(REQUEST, ensure_ascii=False).encode())  # so the check above can fail


def test_what_is_stored_is_what_was_recorded(api: InProcess) -> None:
    """Opened, it is the very text; replayed, it comes to the same decision and the same fact keys."""
    made = decide(api)
    row, facts = stored(api.database, made["id"])
    vault, usecase = api.service.vault, api.service.use_case(LOCAL_CLIENT, "care_call")
    record = vault.open(row["request"])
    assert json.loads(record)["person"] == {"name": NAME, "born": BORN}
    outputs = {fact["task"]: fact["output"] and vault.open(fact["output"]) for fact in facts}
    again = trace.recompute(usecase, record, outputs, None)
    assert again["decide"]["result"] == DECISION == json.loads(vault.open(row["decision"]))
    assert len(vault.open_salt(row["salt"])) == 16


def test_equal_requests_leave_unequal_fact_keys(api: InProcess) -> None:
    keys = [{fact["fact_key"] for fact in stored(api.database, decide(api)["id"])[1]} for _ in range(2)]
    assert len(keys[0]) == 3 and keys[0].isdisjoint(keys[1])


def test_the_trace_is_masked(api: InProcess) -> None:
    found, text = trace_of(api, decide(api)["id"])
    assert [plain for plain in PLAIN if plain in text] == []
    assert found["logic"] == "recomputed"
    assert found["request"]["person"] == {"name": "[sensitive]", "born": "[sensitive]"}
    assert (found["request"]["aliases"], found["request"]["scores"]) == (["[sensitive]"], {"신용": "[sensitive]"})
    results = {step["step"]: step["result"] for step in found["steps"]}
    assert results["found"] == {"number": "[sensitive]", "carrier": "길동통신"}
    assert results["secret_note"] == results["hidden"] == "[sensitive]"
    assert results["whole"]["said"] == "생일 [sensitive]"
    assert results["decide"] == {"outcome": "call", "call": "[sensitive]", "born": "[sensitive]"}


@pytest.mark.parametrize(("mode", "status"), [("step", 500), ("task", 502), ("fallback", 200)])
def test_what_exceptions_say_is_masked_in_the_log_the_store_and_the_trace(
    api: InProcess, caplog: pytest.LogCaptureFixture, mode: str, status: int
) -> None:
    with caplog.at_level(logging.DEBUG):
        reply = api.decide("care-call", {**REQUEST, "mode": mode})
    assert reply.status == status
    decision_id = reply.json.get("decision_id") or reply.json["id"]
    said = caplog.text
    assert "[sensitive]" in said and "Traceback" in said
    _, text = trace_of(api, decision_id)
    shown = api.get(f"/v1/decisions/{decision_id}").content.decode()
    assert "[sensitive]" in text
    hidden = [PHONE, NAME, BORN, "date(1987, 3, 29)"]
    for where in (said, text, shown if mode != "fallback" else "", reply.content.decode() if status != 200 else ""):
        assert [plain for plain in hidden if plain in where] == []
    assert leaks(on_disk(api)) == []
    assert " ".join(PHONE[4:]).encode() not in on_disk(api)  # a spelling that nobody knows
    assert json.loads(shown)["failure" if status != 200 else "degraded"]


def test_a_refusal_says_nothing_again_that_was_sent(api: InProcess) -> None:
    reply = api.decide("care-call", {**REQUEST, "phone": "02-555-0173", "person": {"theName": NAME, "born": "어제"}})
    problem = reply.problem(422, "invalid-request")
    pointers = {error["pointer"]: error["detail"] for error in problem["errors"]}
    assert pointers["/phone"] == "Value error, [sensitive] is no phone"
    assert set(pointers) == {"/phone", "/person/born"}
    assert all(text not in reply.content.decode() for text in ("02-555-0173", NAME, "어제"))


def test_our_own_key_is_refused_in_a_request(api: InProcess) -> None:
    problem = api.decide("care-call", {**REQUEST, "scores": {"$sealed": 1.0}}).problem(422, "invalid-request")
    assert problem["errors"] == [{"pointer": "/scores", "detail": "the key '$sealed' is for what is encrypted"}]
    assert decide(api, mode="$sealed")["decision"] == DECISION


def test_a_keyed_request_leaves_no_plain_text_while_it_is_decided(api: InProcess) -> None:
    """Failing in its last step, it leaves its claim and the facts; the retry reuses them, opened."""
    path = "/v1/use-cases/care-call/decisions"
    body, key = encode({**REQUEST, "mode": "step"}), {"Idempotency-Key": "k-1"}
    first = api.post(path, body, **key).problem(500, "step-failed")
    assert leaks(on_disk(api)) == []
    second = api.post(path, body, **key).problem(500, "step-failed")
    assert first["decision_id"] != second["decision_id"]
    _, facts = stored(api.database, second["decision_id"])
    assert [fact["carried_from"] for fact in facts] == [first["decision_id"]] * 3
    assert [plain for plain in PLAIN if plain in trace_of(api, second["decision_id"])[1]] == []
    kept = api.post(path, encode(REQUEST), **{"Idempotency-Key": "k-2"})
    again = api.post(path, encode(REQUEST), **{"Idempotency-Key": "k-2"})
    assert kept.json == again.json and again.json["decision"] == DECISION
    assert leaks(on_disk(api)) == []


def test_keys_are_rotated(make_care: MakeCare) -> None:
    old, new = new_key(), new_key()
    path = "/v1/decisions/" + (first := decide(make_care(old))["id"])
    rotated = make_care(f"{new},{old}")
    assert rotated.get(path).json["decision"] == DECISION
    second = decide(rotated)["id"]
    alone = make_care(new)
    assert alone.get(f"/v1/decisions/{second}").json["decision"] == DECISION
    listed = alone.get("/v1/decisions", {"subject": ["회원-1"]}).json["decisions"]
    assert {one["id"]: one["decision"] for one in listed} == {first: None, second: DECISION}


def test_a_decision_whose_key_is_gone_says_so_and_a_log_line_what_to_do(
    make_care: MakeCare, caplog: pytest.LogCaptureFixture
) -> None:
    made = decide(make_care(new_key()))["id"]
    api = make_care(new_key())
    for query in (None, {"include": ["trace"]}):
        problem = api.get(f"/v1/decisions/{made}", query).problem(503, "key-missing")
        assert "a key that this service does not have" in problem["detail"]
    assert "add the key that sealed it to ARTEMIS_ENCRYPTION_KEYS" in caplog.text
    assert decide(api)["decision"] == DECISION


def test_the_local_stage_makes_a_key_that_only_its_owner_reads(
    make_care: MakeCare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = decide(make_care(None))["id"]
    file = tmp_path / ".artemis" / "encryption.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert os.listdir(file.parent) == ["encryption.key"]
    bootstrap.vault_of.cache_clear()  # another process
    assert make_care(None).get(f"/v1/decisions/{made}").json["decision"] == DECISION


def test_a_stage_that_serves_sensitive_fields_does_not_start_without_a_key(care: Project) -> None:
    manifest = Manifest.read(care.generated)
    environment = {"ARTEMIS_STAGE": "production", "ARTEMIS_ENCRYPTION_KEYS": ""}
    with pytest.raises(SettingsError) as refused:
        load(environment, manifest.stages, manifest.use_cases, sensitive=manifest.sensitive)
    said = "ARTEMIS_ENCRYPTION_KEYS is not set; stage production serves sensitive fields (care_call)"
    assert [problem for problem in refused.value.problems if said in problem and "artemis keys encryption" in problem]
    assert load({}, manifest.stages, manifest.use_cases, sensitive=manifest.sensitive).encryption_keys == ()


MALFORMED = {"short": "short", "korean": "한글", "cut": new_key()[:-1], "padded": new_key() + "=", "same": "a" * 44}


@pytest.mark.parametrize("bad", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_key_is_named_by_its_position_only(care: Project, bad: str) -> None:
    manifest = Manifest.read(care.generated)
    with pytest.raises(SettingsError) as refused:
        load({"ARTEMIS_ENCRYPTION_KEYS": f"{KEY}, {bad}"}, manifest.stages, manifest.use_cases)
    assert refused.value.problems == [
        "ARTEMIS_ENCRYPTION_KEYS: key 2 of 2 is not a key: make one with `artemis keys encryption`"
    ]


def test_the_contract_says_which_fields_are_sensitive_and_is_else_as_it_was(api: InProcess) -> None:
    fields = api.contract.document["components"]["schemas"]["CareCallRequest"]["properties"]
    assert fields["phone"] == {"title": "Phone", "type": "string", "x-sensitive": True}
    assert fields["aliases"]["items"] == {"type": "string", "x-sensitive": True}


def test_a_decision_with_sensitive_values_becomes_no_case_in_the_project(api: InProcess, care: Project) -> None:
    made = decide(api)["id"]
    with pytest.raises(BadCase, match="write a case with made-up ones"):
        promote(care, f"sqlite:///{api.database}", made, "", {})
    assert not list(care.root.rglob("*.jsonl"))
