"""A decision from request to stored record, and how it is read again."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from api_client import InProcess, OverSocket, stored

from chalicelib.manifest import Manifest
from chalicelib.usecase import load

REQUEST = {"user_id": "u-1042", "amount": 250.0, "items": [{"sku": "a"}, {"sku": "b", "count": 2}], "note": "broken"}


def test_a_decision_is_answered_in_the_envelope(api: InProcess, manifest: Manifest) -> None:
    before = datetime.now(UTC)
    reply = api.decide("refund-check", REQUEST)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    body = reply.json
    assert body["decision"] == {"outcome": "review", "reasons": ["high_amount"], "words": "broken"}
    assert UUID(body["id"]).version == 7
    assert (body["use_case"], body["status"], body["degraded"]) == ("refund_check", "decided", [])
    assert body["version"] == manifest.use_cases["refund_check"]["versions"]["local"]
    created = datetime.fromisoformat(body["created_at"])
    assert created.utcoffset() == timedelta(0)
    assert before <= created <= datetime.now(UTC)
    assert reply.headers["location"] == f"/v1/decisions/{body['id']}"


def test_the_location_answers_with_the_very_same_envelope(api: InProcess) -> None:
    made = api.decide("refund-check", REQUEST)
    read = api.get(made.headers["location"])
    assert read.status == 200
    assert read.content == made.content


def test_over_a_real_connection_it_is_the_same(wire: OverSocket) -> None:
    made = wire.decide("refund-check", REQUEST)
    assert made.status == 200
    assert made.json["decision"]["outcome"] == "review"
    assert wire.get(made.headers["location"]).content == made.content


def test_a_decision_is_stored_with_its_facts(api: InProcess) -> None:
    decision_id = api.decide("refund-check", REQUEST).json["id"]
    assert api.rows() == (1, 2)
    row, facts = stored(api.database, decision_id)
    assert (row["use_case"], row["subject"], row["client"]) == ("refund_check", "u-1042", "local")
    assert (row["stage"], row["status"], row["outcome"], row["failure"]) == ("local", "decided", "review", None)
    request = json.loads(row["request"])
    assert request | REQUEST | {"items": request["items"]} == request
    assert request["items"] == [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}]  # as validated
    assert [(fact["task"], json.loads(fact["output"])) for fact in facts] == [
        ("item_count", 2),
        ("profile", {"user": "u-1042", "words": "broken"}),
    ]
    assert all(len(fact["fact_key"]) == 64 and fact["error"] is None for fact in facts)
    assert all(0 <= fact["duration_ms"] <= row["duration_ms"] for fact in facts)


@pytest.mark.parametrize("name", ["refund-check", "refund_check"])
def test_a_use_case_answers_to_both_forms_of_its_name(api: InProcess, name: str) -> None:
    assert api.decide(name, REQUEST).json["use_case"] == "refund_check"


def test_the_trace_shows_every_step_and_what_a_recomputation_gives(api: InProcess, manifest: Manifest) -> None:
    made = api.decide("refund-check", REQUEST)
    traced = api.get(made.headers["location"], {"include": ["trace"]}).json
    trace = traced.pop("trace")
    assert traced == made.json
    usecase = load("refund_check", manifest.module("refund_check"), None, manifest.source("refund_check"))
    shown = {step["step"]: step for step in trace["steps"]}
    assert shown.keys() == {step.name for step in usecase.graph.steps}
    assert {name: shown[name]["result"] for name in shown} == recomputed(usecase, REQUEST)
    assert {name: shown[name]["kind"] for name in shown} == {step.name: step.kind for step in usecase.graph.steps}
    assert {name: tuple(shown[name]["needs"]) for name in shown} == {s.name: s.needs for s in usecase.graph.steps}
    assert trace["parameters"] == {"limit": 100.0}
    assert trace["request"]["user_id"] == "u-1042"
    started = [step["started_ms"] for step in trace["steps"]]
    assert started == sorted(started)


def recomputed(usecase: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Every step called by hand with plain values."""
    model = usecase.request_model(**request)
    known: dict[str, Any] = {}
    for step in usecase.graph.steps:
        known[step.name] = step.function(*(known.get(need, getattr(model, need, None)) for need in step.needs))
    known["decide"] = known["decide"].model_dump(mode="json")
    return known


def test_korean_survives_from_the_request_to_the_trace(wire: OverSocket) -> None:
    request = {"user_id": "회원-가나다", "amount": 1, "note": "한국어 내용 🙂 é", "items": [{"sku": "우산"}]}
    made = wire.post("/v1/use-cases/refund-check/decisions", json.dumps(request, ensure_ascii=False).encode())
    assert made.json["decision"]["words"] == "한국어 내용 🙂 é"
    assert "한국어".encode() in made.content
    row, _ = stored(wire.database, made.json["id"])
    assert row["subject"] == "회원-가나다"
    trace = wire.get(made.headers["location"] + "?include=trace").json["trace"]
    assert trace["request"]["items"][0]["sku"] == "우산"


def test_escaped_and_plain_characters_are_the_same_request(api: InProcess) -> None:
    plain = api.decide("refund-check", '{"user_id": "가", "amount": 1, "note": "\U0001f642"}').json
    escaped = api.decide("refund-check", '{"user_id": "\\uac00", "amount": 1, "note": "\\ud83d\\ude42"}').json
    assert plain["decision"] == escaped["decision"]


def test_what_this_client_may_ask_is_listed(api: InProcess, manifest: Manifest) -> None:
    listed = {entry["name"]: entry for entry in api.get("/v1/use-cases").json["use_cases"]}
    assert listed.keys() == manifest.use_cases.keys()
    refund = listed["refund_check"]
    assert refund["title"] == "Refund check"
    assert refund["parameters"]["limit"]["value"] == 100.0
    assert refund["parameters"]["limit"]["description"] == "an amount above: review"
    assert {step["name"] for step in refund["steps"]} == {"item_count", "profile", "high", "decide"}


def test_health_and_readiness_are_answered_without_a_decision(wire: OverSocket) -> None:
    assert wire.get("/health").json["status"] == "ok"
    assert wire.get("/ready").json["status"] == "ok"
    assert wire.ask("HEAD", "/health").status == 200


class LambdaContext:
    """What Lambda hands over beside the event."""

    def __init__(self, milliseconds: int) -> None:
        self.get_remaining_time_in_millis = lambda: milliseconds


@pytest.mark.parametrize("milliseconds", [1000, 900, 0])
def test_when_lambda_leaves_no_time_the_decision_is_late_at_once(api: InProcess, milliseconds: int) -> None:
    """One second is kept for the answer, so these leave none: not the 25 seconds of the stage."""
    body = json.dumps(REQUEST)
    reply = api.ask("POST", "/v1/use-cases/refund-check/decisions", body, context=LambdaContext(milliseconds))
    reply.problem(504, "task-timeout")


def test_when_lambda_leaves_enough_time_it_is_decided(api: InProcess) -> None:
    body = json.dumps(REQUEST)
    assert api.ask("POST", "/v1/use-cases/refund-check/decisions", body, context=LambdaContext(9000)).status == 200
