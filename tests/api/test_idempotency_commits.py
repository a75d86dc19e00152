"""A keyed request commits its claim, each fact as it is found, and its decision; a plain one commits once."""

from __future__ import annotations

import pytest
from keyed_project import TASKS, Shop
from seen_statements import Seen, seen

from chalicelib.errors import DecisionFailed

DECISION = ["decisions", "task_results"]


def watched(shop: Shop, *keys: str | None) -> Seen:
    with seen(shop.store.database) as found:
        for key in keys:
            shop.decide(key)
    return found


@pytest.fixture
def warm(shop: Shop) -> Shop:
    """A shop whose version and models are stored."""
    shop.decide(None)
    return shop


def test_a_plain_decision_is_one_commit(warm: Shop) -> None:
    assert watched(warm, None).commits == [DECISION]


def test_a_keyed_decision_commits_its_claim_each_fact_and_the_decision(warm: Shop) -> None:
    last = ["idempotency", *DECISION, "claimed_facts"]
    assert watched(warm, "열쇠").commits == [["idempotency"], *[["claimed_facts"]] * len(TASKS), last]


def test_a_replay_commits_nothing(warm: Shop) -> None:
    warm.decide()
    assert watched(warm, "열쇠").commits == []


def test_a_failed_attempt_commits_its_decision_and_opens_the_claim_at_once(warm: Shop) -> None:
    warm.provider.failing = "two"
    with seen(warm.store.database) as found, pytest.raises(DecisionFailed):
        warm.decide()
    last = ["idempotency", *DECISION, "claimed_facts"]
    assert found.commits == [["idempotency"], ["claimed_facts"], last]
    warm.provider.failing = ""
    _in_the_way, taken, *others = watched(warm, "열쇠").commits
    assert taken == ["idempotency"]
    assert others == [["claimed_facts"]] * 3 + [["idempotency", *DECISION, "claimed_facts"]]
