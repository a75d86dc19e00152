"""The reference use case with its real models, over real HTTP."""

from __future__ import annotations

import json
import typing
from datetime import datetime
from typing import Any

import pytest
from api_client import OverSocket, Reply, resolve, stored
from api_pictures import asking, encoded, photo
from api_server import ROOT
from pydantic import TypeAdapter

from chalicelib.manifest import Manifest
from chalicelib.photo import Photo
from chalicelib.usecase import UseCase, load

SAMPLES = ROOT / "usecases" / "samples"
NAME = "profile_photo_review"
TASKS = ["earlier_rejections", "faces", "moderation", "quality", "text"]


@pytest.fixture(scope="module")
def portrait(photo_wire: OverSocket) -> Reply:
    """One decision on a photo sent as bytes."""
    return photo_wire.decide(NAME, asking(photo((SAMPLES / "portrait.jpg").read_bytes()), "회원-가나다"))


def test_a_portrait_is_approved(portrait: Reply) -> None:
    assert portrait.status == 200
    assert portrait.json["decision"]["outcome"] == "approve"
    assert portrait.json["degraded"] == []


def test_a_phone_number_drawn_on_a_photo_is_rejected(photo_wire: OverSocket) -> None:
    decision = photo_wire.decide("profile-photo-review", asking({"sample": "contact.jpg"})).json["decision"]
    assert decision["outcome"] == "reject"
    assert "contact" in decision["reasons"]


def test_the_same_photo_is_decided_the_same_whichever_way_it_comes(photo_wire: OverSocket, portrait: Reply) -> None:
    sample = photo_wire.decide(NAME, asking({"sample": "portrait.jpg"})).json
    assert (sample["decision"], sample["version"]) == (portrait.json["decision"], portrait.json["version"])
    assert sample["id"] != portrait.json["id"]


def test_its_facts_are_stored_with_who_gave_them(photo_wire: OverSocket, portrait: Reply) -> None:
    row, facts = stored(photo_wire.database, portrait.json["id"])
    assert row["subject"] == "회원-가나다"
    assert [fact["task"] for fact in facts] == TASKS
    for fact in facts:
        called = fact["task"] not in ("quality", "earlier_rejections")
        assert (fact["provider"] == "local") == called
        assert bool(fact["model"] and fact["model_version"]) == called
        assert (fact["error"], fact["fallback_used"], len(fact["fact_key"])) == (None, 0, 64)


def test_a_photo_is_stored_by_digest_and_its_bytes_nowhere(photo_wire: OverSocket, portrait: Reply) -> None:
    import base64
    import hashlib

    data = (SAMPLES / "portrait.jpg").read_bytes()
    row, _ = stored(photo_wire.database, portrait.json["id"])
    kept = json.loads(row["request"])["photo"]
    assert kept.pop("width") > 0
    assert kept.pop("height") > 0
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    assert kept == {"digest": digest, "format": "jpeg", "size": len(data)}
    middle = data[len(data) // 2 :][:48]
    for file in photo_wire.database.parent.iterdir():
        content = file.read_bytes()
        assert middle not in content, file.name
        assert base64.b64encode(data)[300:348] not in content, file.name


def test_the_trace_shows_every_step_as_a_recomputation_gives_it_and_no_bytes(
    photo_wire: OverSocket, portrait: Reply
) -> None:
    reply = photo_wire.get(portrait.headers["location"] + "?include=trace")
    assert len(reply.content) < 20_000
    envelope = reply.json
    trace = envelope.pop("trace")
    assert envelope == portrait.json
    assert trace["request"]["photo"].keys() == {"digest", "format", "size", "width", "height"}
    manifest = Manifest.read()
    usecase = load(NAME, manifest.module(NAME), None, manifest.source(NAME))
    shown = {step["step"]: step["result"] for step in trace["steps"]}
    now = datetime.fromisoformat(envelope["created_at"])
    assert shown == recomputed(usecase, {**trace["request"], "now": now}, shown)
    assert {step["step"] for step in trace["steps"] if step["kind"] == "task"} == set(TASKS)
    assert trace["parameters"] == usecase.parameters


def recomputed(usecase: UseCase, request: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """Every plain step called by hand on the recorded facts, everything as JSON."""
    known: dict[str, Any] = {**request, "photo": Photo(**request["photo"])}
    shown = {}
    for step in usecase.graph.steps:
        if step.task:
            returned = typing.get_type_hints(step.function, include_extras=True)["return"]
            known[step.name] = TypeAdapter(returned).validate_python(facts[step.name])
        else:
            known[step.name] = step.function(*(known[need] for need in step.needs))
        shown[step.name] = TypeAdapter(Any).dump_python(known[step.name], mode="json")
    return shown


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photo_of_one_pixel_is_decided_not_refused(photo_wire: OverSocket, kind: str) -> None:
    reply = photo_wire.decide(NAME, asking(photo(encoded(kind, (1, 1)))))
    assert reply.status == 200
    assert reply.json["decision"]["outcome"] == "reject"
    assert "photo_too_small" in reply.json["decision"]["reasons"]


def test_a_refused_photo_leaves_no_row(photo_wire: OverSocket) -> None:
    before = photo_wire.rows()
    data = (SAMPLES / "portrait.jpg").read_bytes()
    for value in ({"sample": "../labels.csv"}, photo(data[: len(data) // 2]), {"url": "http://127.0.0.1/a.jpg"}):
        (error,) = photo_wire.decide(NAME, asking(value)).problem(422, "invalid-request")["errors"]
        resolve(error["pointer"], asking(value))
    assert photo_wire.rows() == before
