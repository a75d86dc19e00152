"""The photo review with a past: who was rejected three times is judged more strictly. The real module and store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from api_client import Contract, InProcess

from chalicelib import bootstrap
from chalicelib.engine import Engine
from chalicelib.errors import Unavailable
from chalicelib.history import Asker, History, Stored
from chalicelib.http.openapi import document
from chalicelib.manifest import Manifest
from chalicelib.models import Box, Face, Moderation, TextLine
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import load

NAME = "profile_photo_review"
MEMBER, OTHER = "회원-2077", "회원-1042"


@dataclass
class Scene:
    """What every model sees in whichever photo: one face, this nudity, these words."""

    nudity: float = 0.1
    words: list[str] = field(default_factory=list)

    def moderation(self, photo: Any) -> Moderation:
        return Moderation(scores={"nudity": self.nudity})

    def faces(self, photo: Any) -> list[Face]:
        return [Face(box=Box(left=0.3, top=0.2, width=0.3, height=0.4), confidence=0.95)]

    def text(self, photo: Any) -> list[TextLine]:
        return [TextLine(text=words, confidence=0.95) for words in self.words]


@dataclass
class Member:
    """Asks for decisions on photos in which is what a test wants to be in them."""

    api: InProcess
    scene: Scene

    def decide(self, user: str, nudity: float = 0.1, words: str = "", key: str = "") -> Any:
        self.scene.nudity, self.scene.words = nudity, [words] if words else []
        body = f'{{"user_id": "{user}", "photo": {{"sample": "portrait.jpg"}}}}'
        headers = {"Idempotency-Key": key} if key else {}
        reply = self.api.post(f"/v1/use-cases/{NAME}/decisions", body, **headers)
        assert reply.status == 200, reply.content
        return reply.json

    def rejected(self, user: str, times: int) -> None:
        for _ in range(times):
            assert self.decide(user, words="010-1234-5678")["decision"]["reasons"] == ["contact"]

    def steps(self, decided: Any) -> dict[str, Any]:
        trace = self.api.get(f"/v1/decisions/{decided['id']}", {"include": ["trace"]}).json["trace"]
        assert trace["logic"] == "recomputed"
        return {step["step"]: step for step in trace["steps"]}


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    manifest = Manifest.read()
    settings = load({"ARTEMIS_DATABASE_URL": database_url}, manifest.stages, manifest.use_cases)
    made = bootstrap.build(settings, manifest)
    yield made
    made.store().close()


@pytest.fixture
def member(service: Service, tmp_path: Path) -> Member:
    scene = Scene()
    service.engine = Engine(lambda asking, ledger: scene, service.engine.workers, service.engine.history)
    contract = Contract(document(service.manifest, LOCAL_CLIENT))
    return Member(InProcess(service, tmp_path / "decisions.db", contract), scene)


def test_after_three_rejections_the_stricter_limit_holds_for_this_member_alone(member: Member) -> None:
    member.rejected(MEMBER, 3)
    member.rejected(OTHER, 2)
    between = 0.7  # of nudity: a review for most
    fourth = member.decide(MEMBER, between)
    assert (fourth["decision"]["outcome"], fourth["decision"]["reasons"]) == ("reject", ["nudity"])
    for user in (OTHER, "회원-새로"):
        decision = member.decide(user, between)["decision"]
        assert (decision["outcome"], decision["reasons"]) == ("review", ["nudity"])
    assert member.decide(MEMBER)["decision"]["outcome"] == "approve"  # a good photo is still welcome


def test_the_trace_shows_what_the_past_was(member: Member) -> None:
    member.rejected(MEMBER, 3)
    steps = member.steps(member.decide(MEMBER, 0.7))
    fact = steps["earlier_rejections"]
    assert (len(fact["result"]), fact["error"], fact["fallback_used"], fact["calls"]) == (3, None, False, [])
    assert fact["result"] == sorted(fact["result"], reverse=True)
    assert (steps["recent_rejections"]["result"], steps["nudity_limit"]["result"]) == (3, 0.65)
    assert member.steps(member.decide(OTHER))["earlier_rejections"]["result"] == []


def test_the_past_of_a_decision_stays_as_it_was(member: Member) -> None:
    """Looked at again, or asked for again by its key, when more has happened since."""
    member.rejected(MEMBER, 2)
    third = member.decide(MEMBER, 0.7, key="셋째-1".encode().hex())
    assert third["decision"]["outcome"] == "review"
    member.rejected(MEMBER, 2)
    assert len(member.steps(third)["earlier_rejections"]["result"]) == 2
    assert member.decide(MEMBER, 0.7, key="셋째-1".encode().hex()) == third


def test_a_store_that_cannot_be_read_rejects_nobody(member: Member, service: Service) -> None:
    member.rejected(MEMBER, 3)

    class Down:
        @property
        def past(self) -> Any:
            raise Unavailable("the store cannot be reached", code="store-unavailable", retry_after=2)

    service.engine.history = lambda asking, subject, now: History(Stored(Down), Asker(NAME, subject, now))
    decided = member.decide(MEMBER, 0.7)
    assert decided["decision"]["outcome"] == "review"
    assert decided["degraded"] == [{"task": "earlier_rejections", "error": "store-unavailable"}]


def test_the_past_of_another_stage_does_not_count(member: Member, service: Service) -> None:
    member.rejected(MEMBER, 3)
    elsewhere = bootstrap.engine(service.settings.routing, service.settings.database_url, stage="staging")
    service.engine.history = elsewhere.history
    assert member.decide(MEMBER, 0.7)["decision"]["outcome"] == "review"


def test_a_new_build_with_another_use_case_keeps_the_threads(service: Service) -> None:
    settings, names = service.settings, service.manifest.use_cases
    again = bootstrap.build(settings, service.manifest)
    other = bootstrap.build(settings, Manifest({**names, "another": names[NAME]}, service.manifest.stages))
    assert again.engine is not other.engine
    assert again.engine.workers is other.engine.workers
    assert again.engine.models == other.engine.models
