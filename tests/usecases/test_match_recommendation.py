"""Introductions: what holds for whoever asks, found by generated members; and 500 candidates recomputed exactly."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
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
from chalicelib.providers.local_files import ModelFiles
from chalicelib.run import Run
from chalicelib.trace import recompute
from chalicelib.usecase import UseCase, load

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
GENDERS = ("woman", "man", "nonbinary")


@cache
def usecase(**overrides: Any) -> UseCase:
    manifest = Manifest.read()
    return load(
        "match_recommendation",
        manifest.module("match_recommendation"),
        overrides,
        manifest.source("match_recommendation"),
    )


class Coefficients:
    """The repository's model file; it counts the items that it is asked about."""

    MANAGED = False

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, model: str, features: list[dict[str, Any]], asking: Asking) -> Answer:
        self.asked += len(features)
        file = ModelFiles("usecases/models").get(model)
        return Answer(file.predict(features), model, file.version)


class Silent:
    """A model that does not answer."""

    MANAGED = False

    def predict(self, model: str, features: list[dict[str, Any]], asking: Asking) -> Answer:
        raise ProviderError("it is down", code="unreachable")


def decide(request: dict[str, Any], provider: Any = None, past: Sequence[PastDecision] = (), **overrides: Any) -> Run:
    case = usecase(**overrides)
    intake = seal(case.request_model.model_validate(request))
    history = History.of(past)
    engine = Engine(
        Router.to(provider or Coefficients()).models,
        history=lambda asking, subject, now: history.asked_by(asking, subject, now),
    )
    return engine.run(case, intake, NOW, 25.0)


def decided(run: Run) -> dict[str, Any]:
    assert run.failure is None and run.decision, run.failure
    return dict(json.loads(run.decision))


people = st.fixed_dictionaries(
    {
        "gender": st.sampled_from(GENDERS),
        "age": st.integers(18, 60),
        "latitude": st.floats(37.0, 38.0).map(lambda value: round(value, 3)),
        "longitude": st.floats(126.5, 127.5).map(lambda value: round(value, 3)),
        "locale": st.sampled_from(["ko", "en"]),
        "interests": st.lists(st.sampled_from(["hiking", "film", "커피", "art"]), max_size=4, unique=True),
        "goal": st.sampled_from(["serious", "casual", "friends"]),
        "wants_genders": st.lists(st.sampled_from(GENDERS), min_size=1, max_size=3, unique=True),
        "wants_age_min": st.integers(18, 40),
        "wants_age_max": st.integers(30, 80),
        "wants_distance_km": st.sampled_from([5.0, 40.0, 300.0]),
        "joined_at": st.sampled_from(["2024-01-01", "2026-11-20"]),
        "active_at": st.sampled_from(["2026-11-25T00:00:00Z", "2025-01-01T00:00:00Z"]),
        "likes_received": st.integers(0, 50),
        "views_received": st.integers(0, 200),
    }
)
candidates = st.lists(
    st.builds(
        lambda person, number, shown: person | {"id": f"m-{number}", "shown_7d": shown},
        people,
        st.integers(1, 40),
        st.sampled_from([0, 2, 50, 119, 120, 400]),
    ),
    max_size=12,
    unique_by=lambda one: one["id"],
)
requests = st.builds(
    lambda member, some, limit, blocked: {
        "member_id": "m-1",
        "member": member,
        "candidates": some,
        "limit": limit,
        "blocked": blocked,
    },
    people,
    candidates,
    st.integers(1, 6),
    st.lists(st.sampled_from([f"m-{number}" for number in range(1, 40)]), max_size=5),
)


@settings(max_examples=150, deadline=None)
@given(requests)
def test_whoever_is_introduced_suits_both_sides_and_everybody_is_accounted_for(request: dict[str, Any]) -> None:
    made = decided(decide(request))
    member, by_id = request["member"], {one["id"]: one for one in request["candidates"]}
    shown = [by_id[place["candidate_id"]] for place in made["introductions"]]
    for one in shown:
        for a, b in ((member, one), (one, member)):
            assert b["gender"] in a["wants_genders"] and a["wants_age_min"] <= b["age"] <= a["wants_age_max"]
        assert one["id"] not in {"m-1", *request["blocked"]} and one["shown_7d"] < 120
    fitting = made["considered"] - sum(made["excluded"].values())
    assert made["considered"] == len(by_id) and len(shown) == min(request["limit"], fitting)
    assert len({one["id"] for one in shown}) == len(shown)


@settings(max_examples=60, deadline=None)
@given(requests, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(request: dict[str, Any], random: Any) -> None:
    shuffled = request | {"candidates": random.sample(request["candidates"], len(request["candidates"]))}
    assert decided(decide(request)) == decided(decide(shuffled))


@settings(max_examples=60, deadline=None)
@given(requests)
def test_places_that_are_no_trials_are_ordered_by_score_and_trials_are_marked(request: dict[str, Any]) -> None:
    places = decided(decide(request))["introductions"]
    ranked = [place["score"] for place in places if not place["explores"]]
    assert ranked == sorted(ranked, reverse=True) and all(0 <= score <= 1 for score in ranked)
    assert [place["explores"] for place in places] == ["exploring" in place["reasons"] for place in places]
    assert sum(place["explores"] for place in places) <= 0.2 * len(places)


def many(count: int) -> dict[str, Any]:
    """A member, and candidates of the repository's data; all suit each other."""
    anybody = {"wants_genders": list(GENDERS), "wants_age_min": 18, "wants_age_max": 120, "wants_distance_km": 20000}
    with open("usecases/data/dating/members.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) | anybody for _, line in zip(range(count + 1), file, strict=False)]
    fields = usecase().request_model.model_fields["candidates"].annotation.__args__[0].model_fields  # type: ignore[union-attr]
    cut = [{name: row[name] for name in fields if name in row} for row in rows]
    member = {name: value for name, value in cut[0].items() if name not in ("id", "shown_7d")}
    return {"member_id": "회원-0", "member": member, "candidates": cut[1:], "limit": 20}


def test_five_hundred_candidates_are_recomputed_exactly_from_small_facts() -> None:
    request, model = many(500), Coefficients()
    run = decide(request, model, exposure_cap=1000)
    assert model.asked == 1000 and decided(run)["considered"] == 500
    facts = {fact.task: fact.output for fact in run.facts}
    assert sum(len(text or "") for text in facts.values()) < 24_000
    record = seal(usecase(exposure_cap=1000).request_model.model_validate(request)).record
    again = recompute(usecase(exposure_cap=1000), record, facts, NOW)
    assert again["decide"]["result"] == decided(run)


def test_other_weights_rank_the_same_facts_otherwise_and_ask_nobody() -> None:
    """What a replay does: the facts of one version under the parameters of another."""
    request = many(60)
    run = decide(request, exposure_cap=1000)
    other = usecase(exposure_cap=1000, mutual_balance=1.0, explore_share=0.0)
    record = seal(other.request_model.model_validate(request)).record
    found = recompute(other, record, {fact.task: fact.output for fact in run.facts}, NOW)["decide"]["result"]
    assert found["considered"] == 60 and found != decided(run)
    assert not any(place["explores"] for place in found["introductions"])


def test_without_the_model_the_rest_ranks_and_the_decision_says_so() -> None:
    run = decide(many(10), Silent(), exposure_cap=1000)
    assert [entry["task"] for entry in run.degraded] == ["chances"]
    assert all("score_unavailable" in place["reasons"] for place in decided(run)["introductions"])


def test_the_photo_reviews_of_candidates_count_and_who_was_introduced_is_not_again() -> None:
    request = many(2)
    ids = [one["id"] for one in request["candidates"]]
    at = NOW - timedelta(days=3)
    reviews = [PastDecision(subject=ids[0], use_case="profile_photo_review", outcome="reject", created_at=at)] * 3
    before = decided(decide(request, exposure_cap=1000, explore_share=0.0))["introductions"]
    after = decided(decide(request, past=reviews, exposure_cap=1000, explore_share=0.0))["introductions"]
    score = {place["candidate_id"]: place["score"] for place in before}
    assert {place["candidate_id"]: place["score"] < score[place["candidate_id"]] for place in after} == {
        ids[0]: True,
        ids[1]: False,
    }
    introduced = PastDecision(decision={"introductions": [{"candidate_id": ids[1]}]}, created_at=at)
    left = decided(decide(request, past=[introduced], exposure_cap=1000))
    assert left["excluded"] == {"introduced": 1}
