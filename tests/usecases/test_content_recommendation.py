"""Recommended items: policy, variety and order, found by generated catalogues; and 1,000 items recomputed exactly."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.asking import Answer, Asking
from chalicelib.calling.router import Router
from chalicelib.engine import Engine
from chalicelib.errors import ProviderError
from chalicelib.history import History, PastDecision
from chalicelib.intake import seal
from chalicelib.manifest import Manifest
from chalicelib.run import Run
from chalicelib.trace import recompute
from chalicelib.usecase import UseCase, load

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NAME = "content_recommendation"


@cache
def usecase(**overrides: Any) -> UseCase:
    manifest = Manifest.read()
    return load(NAME, manifest.module(NAME), overrides, manifest.source(NAME))


class Vectors:
    """An encoder whose vectors depend on the letters: alike where the texts begin alike."""

    MANAGED = False

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def embedding(self, texts: list[str], asking: Asking) -> Answer:
        self.asked.append(texts)
        return Answer([vector(text) for text in texts], "letters", "1")


def vector(text: str) -> list[float]:
    own, first = (blake2b(part.encode(), digest_size=12).digest() for part in (text, text[:1]))
    return [a / 128 - 1 + 2 * (b / 128 - 1) for a, b in zip(own, first, strict=True)]


class Silent:
    MANAGED = False

    def embedding(self, texts: list[str], asking: Asking) -> Answer:
        raise ProviderError("it is down", code="unreachable")


def decide(request: dict[str, Any], provider: Any = None, past: list[PastDecision] | None = None, **over: Any) -> Run:
    case, history = usecase(**over), History.of(past or [])
    engine = Engine(
        Router.to(provider or Vectors()).models,
        history=lambda asking, subject, now: history.asked_by(asking, subject, now),
    )
    return engine.run(case, seal(case.request_model.model_validate(request)), NOW, 25.0)


def decided(run: Run) -> dict[str, Any]:
    assert run.failure is None and run.decision, run.failure
    return dict(json.loads(run.decision))


items = st.lists(
    st.builds(
        lambda number, language, topic, days, age, ends, reads: {
            "id": f"c-{number}",
            "language": language,
            "topic": topic,
            "title": f"{topic} {number}",
            "published": (NOW.date() - timedelta(days=days)).isoformat(),
            "min_age": age,
            "ends": None if ends is None else (NOW.date() + timedelta(days=ends)).isoformat(),
            "reads_30d": reads,
        },
        st.integers(1, 60),
        st.sampled_from(["ko", "en", "ja"]),
        st.sampled_from(["등산", "food", "film"]),
        st.integers(0, 400),
        st.sampled_from([None, 18, 19]),
        st.sampled_from([None, -1, 0, 30]),
        st.integers(0, 500),
    ),
    max_size=14,
    unique_by=lambda one: one["id"],
)
interactions = st.lists(
    st.builds(
        lambda number, kind, hours, text: {
            "item": f"c-{number}",
            "kind": kind,
            "at": (NOW - timedelta(hours=hours)).isoformat(),
            "text": text,
        },
        st.integers(1, 60),
        st.sampled_from(["view", "like", "save", "hide"]),
        st.integers(1, 5000),
        st.sampled_from([None, "등산 이야기", "film talk"]),
    ),
    max_size=8,
)
requests = st.builds(
    lambda some, did, age, limit: {
        "member_id": "m-1",
        "locale": "ko",
        "languages": ["ko", "en"],
        "age": age,
        "candidates": some,
        "interactions": did,
        "limit": limit,
    },
    items,
    interactions,
    st.integers(15, 25),
    st.integers(1, 8),
)


@settings(max_examples=150, deadline=None)
@given(requests)
def test_nothing_is_shown_that_must_not_be_and_every_item_is_accounted_for(request: dict[str, Any]) -> None:
    made = decided(decide(request))
    by_id = {one["id"]: one for one in request["candidates"]}
    shown = [by_id[item["id"]] for item in made["items"]]
    handled = {one["item"] for one in request["interactions"]}
    for one in shown:
        assert one["language"] in ("ko", "en") and one["id"] not in handled
        assert (one["min_age"] or 0) <= request["age"] and (one["ends"] or "9999") >= NOW.date().isoformat()
    fitting = made["considered"] - sum(made["excluded"].values())
    assert made["considered"] == len(by_id) and len(shown) == min(request["limit"], fitting)
    assert len({one["id"] for one in shown}) == len(shown)


@settings(max_examples=60, deadline=None)
@given(requests, st.randoms(use_true_random=False))
def test_the_order_of_items_and_interactions_does_not_matter(request: dict[str, Any], random: Any) -> None:
    mixed = {name: random.sample(request[name], len(request[name])) for name in ("candidates", "interactions")}
    assert decided(decide(request)) == decided(decide(request | mixed))


@settings(max_examples=60, deadline=None)
@given(requests)
def test_without_variety_scores_fall_and_with_it_the_first_stays_the_first(request: dict[str, Any]) -> None:
    plain = [item["score"] for item in decided(decide(request, diversity=0.0))["items"]]
    assert plain == sorted(plain, reverse=True)
    varied = decided(decide(request, diversity=0.5))["items"]
    assert [item["score"] for item in varied][:1] == plain[:1]
    assert sum(item["score"] for item in varied) <= sum(plain) + 1e-9


def feed(count: int, **more: Any) -> dict[str, Any]:
    topics = ["hiking", "food", "film", "music", "art"]
    made = [
        {
            "id": f"c-{number:04d}",
            "language": "en",
            "topic": topics[number % 5],
            "title": f"{topics[number % 5]} number {number}",
            "text": "많은 이야기 " * 8,
            "published": "2026-11-01",
            "reads_30d": number % 97,
        }
        for number in range(count)
    ]
    liked = [{"item": f"x-{n}", "kind": "like", "at": "2026-11-20T12:00:00Z", "text": f"hiking {n}"} for n in range(4)]
    base = {"member_id": "m-1", "locale": "en", "age": 30, "candidates": made, "interactions": liked, "limit": 20}
    return base | more


def test_a_thousand_items_are_recomputed_exactly_and_no_vector_is_noted() -> None:
    request, encoder = feed(1000), Vectors()
    run = decide(request, encoder)
    assert len(encoder.asked) == 1 and len(encoder.asked[0]) == 1004
    facts = {fact.task: fact.output for fact in run.facts}
    assert len(facts["likeness"] or "") < 32_000
    record = seal(usecase().request_model.model_validate(request)).record
    assert recompute(usecase(), record, facts, NOW)["decide"]["result"] == decided(run)


def test_what_is_like_what_was_liked_comes_first_and_the_sentence_names_it() -> None:
    request = feed(50, limit=3)
    first = decided(decide(request, popularity_weight=0.0, freshness_weight=0.0))["items"][0]
    assert first["title"].startswith("hiking") and "like_what_you_liked" in first["reasons"]
    assert first["text"].startswith("Because you looked at “hiking")


def test_a_new_member_gets_what_is_popular_without_a_call() -> None:
    encoder = Vectors()
    made = decided(decide(feed(50, interactions=[], limit=5), encoder))
    assert made["cold_start"] and encoder.asked == []
    assert made["items"][0]["score"] == 1.0 or "popular" in made["items"][0]["reasons"]


def test_without_embeddings_the_rest_ranks_and_the_decision_says_so() -> None:
    run = decide(feed(20), Silent())
    assert [entry["task"] for entry in run.degraded] == ["likeness"]
    assert all("likeness_unavailable" in item["reasons"] for item in decided(run)["items"])


def test_what_was_recommended_lately_is_not_again() -> None:
    request = feed(20, limit=5)
    shown = decided(decide(request))["items"]
    past = [PastDecision(decision={"items": shown}, created_at=NOW - timedelta(days=2))]
    again = decided(decide(request, past=past))
    assert again["excluded"]["repeated"] == 5
    assert not {item["id"] for item in again["items"]} & {item["id"] for item in shown}
