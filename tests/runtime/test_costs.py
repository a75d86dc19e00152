"""Costs: what is counted, what reuse saved, and what has no price, call by call."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import costs
from chalicelib.asking import Call
from chalicelib.errors import PROVIDER_CODES

PRICES = {
    "rekognition": {"moderation": {"usd": 0.001, "per": 1, "unit": "picture"}},
    "google_vision": {"any": {"usd": 1.5, "per": 1000, "unit": "picture"}},
    "sagemaker": {
        "any": {"usd": 0, "per": 1, "unit": "call"},
        "predict": {"usd": 0.2, "per": 1000, "unit": "item"},
        "predict/churn": {"usd": 0.0004, "per": 1, "unit": "call"},
    },
    "vertex_ai": {"embedding/gecko": {"usd": 0.025, "per": 1000, "unit": "character"}},
    "bigquery": {"query": {"usd": 6.25, "per": 2**40, "unit": "byte"}},
    "local": {"any": {"usd": 0, "per": 1, "unit": "call"}},
}
TEN_MB = 10 * 2**20  # the least that a query is charged for


def call(provider: str = "rekognition", capability: str = "moderation", **more: Any) -> dict[str, Any]:
    """A call as it is stored."""
    return Call(capability, provider, more.pop("model", "m"), "1", 1.0, **more).as_dict()


def estimate(**more: Any) -> Decimal:
    return costs.of_call(call(**more), PRICES).estimate


def test_a_call_costs_its_price() -> None:
    assert costs.of_call(call(), PRICES) == costs.Cost(Decimal("0.001"))
    assert estimate(provider="google_vision", capability="labels") == Decimal("0.0015")


def test_a_price_is_for_so_many_of_a_unit() -> None:
    assert estimate(provider="bigquery", capability="query", units=2**40) == Decimal("6.25")
    assert estimate(provider="vertex_ai", capability="embedding", model="gecko", units=40) == Decimal("0.001")
    assert estimate(provider="sagemaker", capability="predict", items=5) == Decimal("0.001")


def test_a_price_by_call_does_not_mind_how_many_items_it_was_for() -> None:
    assert estimate(provider="sagemaker", capability="predict", asked="churn", items=5, units=5) == Decimal("0.0004")


def test_the_model_that_was_asked_for_comes_before_the_one_that_answered_and_both_before_the_capability() -> None:
    asked = call("sagemaker", "predict", asked="churn", model="endpoint-7")
    answered = call("sagemaker", "predict", model="churn")
    for one in (asked, answered):
        assert costs.price_of(one, PRICES) == PRICES["sagemaker"]["predict/churn"]
    assert costs.price_of(call("sagemaker", "predict"), PRICES) == PRICES["sagemaker"]["predict"]
    assert costs.price_of(call("sagemaker", "embedding"), PRICES) == PRICES["sagemaker"]["any"]


def test_what_costs_nothing_is_not_unpriced() -> None:
    assert costs.of_call(call("local"), PRICES) == costs.NOTHING


@pytest.mark.parametrize(
    ("provider", "capability", "named"),
    [("http", "predict", "http/predict"), ("rekognition", "faces", "rekognition/faces")],
)
def test_what_has_no_price_is_named_and_does_not_pass_for_nothing(provider: str, capability: str, named: str) -> None:
    priced, unpriced = call(), call(provider, capability)
    cost = costs.of_calls([priced, unpriced, unpriced], PRICES)
    assert cost.as_dict() == {"currency": "USD", "estimate": 0.001, "saved": 0.0, "unpriced": [named]}


def test_where_models_have_prices_of_their_own_the_model_without_one_is_named() -> None:
    assert costs.of_call(call("vertex_ai", "embedding", model="new"), PRICES).unpriced == {"vertex_ai/embedding/new"}
    never_answered = call("vertex_ai", "embedding", model="", error="timeout")
    assert costs.of_call(never_answered, PRICES).unpriced == {"vertex_ai/embedding"}


# error -> whether the provider may have charged for each attempt
CHARGED = {
    "failed": True,
    "timeout": True,
    "unreachable": True,
    "bad-answer": True,
    "model-mismatch": True,
    "throttled": False,
    "server-error": False,
    "credentials": False,
    "refused": False,
}
NOT_ASKED = {"circuit-open", "busy", "not-configured", "not-recorded"}  # no attempt was made


def test_every_code_is_decided_upon() -> None:
    assert CHARGED.keys() | NOT_ASKED == PROVIDER_CODES.keys()


@pytest.mark.parametrize("error", CHARGED)
def test_a_failed_call_counts_unless_the_provider_said_no(error: str) -> None:
    assert estimate(error=error, attempts=2) == (Decimal("0.002") if CHARGED[error] else 0)


@pytest.mark.parametrize("error", sorted(NOT_ASKED))
def test_a_call_that_was_never_made_costs_nothing_even_where_nothing_has_a_price(error: str) -> None:
    assert costs.of_call(call("http", "predict", error=error, attempts=0), PRICES) == costs.NOTHING


def test_every_attempt_of_an_answered_call_counts() -> None:
    assert estimate(attempts=3) == Decimal("0.003")


def test_the_bytes_billed_for_a_query_are_those_of_all_attempts() -> None:
    assert estimate(provider="bigquery", capability="query", units=2**40, attempts=3) == Decimal("6.25")


def test_a_query_that_timed_out_read_nobody_knows_how_much() -> None:
    cost = costs.of_call(call("bigquery", "query", error="timeout"), PRICES)
    assert (cost.estimate, cost.unpriced) == (0, {"bigquery/query"})


def test_a_text_of_one_character_is_known_to_have_one() -> None:
    """A stored call leaves out that its units are 1."""
    one = call("vertex_ai", "embedding", model="gecko", units=1)
    assert costs.of_call(one, PRICES) == costs.Cost(Decimal("0.000025"))
    for unknown in ({"error": "timeout"}, {"shared": True}):
        assert costs.of_call({**one, **unknown}, PRICES).unpriced == {"vertex_ai/embedding/gecko"}


def test_a_query_answered_from_the_providers_cache_read_nothing() -> None:
    assert costs.of_call(call("bigquery", "query", units=0), PRICES) == costs.NOTHING


@pytest.mark.parametrize("how", [{"reused_from": "a decision"}, {"shared": True}])
@pytest.mark.parametrize("attempts", [0, 1, 3])
def test_a_reused_answer_saves_the_price_of_one_attempt(how: dict[str, Any], attempts: int) -> None:
    assert costs.of_call(call(attempts=attempts, **how), PRICES) == costs.Cost(saved=Decimal("0.001"))


def test_reused_items_save_what_they_would_have_cost() -> None:
    asked = call("sagemaker", "predict", items=2)
    reused = call("sagemaker", "predict", items=3, reused_from="a decision", attempts=0)
    assert costs.of_calls([asked, reused], PRICES) == costs.Cost(Decimal("0.0004"), Decimal("0.0006"))


def test_what_a_reused_answer_saved_is_unknown_where_it_has_no_price() -> None:
    reused = call("http", "predict", reused_from="a decision", attempts=0)
    assert costs.of_call(reused, PRICES) == costs.Cost(unpriced=frozenset({"http/predict"}))


def test_waiting_in_vain_for_another_call_costs_and_saves_nothing() -> None:
    assert costs.of_call(call(shared=True, attempts=0, error="timeout"), PRICES) == costs.NOTHING


def test_a_call_stored_before_there_were_costs_can_be_read() -> None:
    old = {"capability": "moderation", "provider": "rekognition", "model": "m", "version": "7", "ms": 3.1}
    assert costs.of_call(old, PRICES).estimate == Decimal("0.001")


def test_a_cost_is_json_to_a_billionth_of_a_dollar() -> None:
    cost = costs.of_calls([call("bigquery", "query", units=TEN_MB), call(reused_from="x")], PRICES)
    expected = {"currency": "USD", "estimate": 0.000059605, "saved": 0.001, "unpriced": []}
    assert json.loads(json.dumps(cost.as_dict())) == expected


def test_many_small_amounts_do_not_drift() -> None:
    assert costs.of_calls([call()] * 10_000, PRICES).as_dict()["estimate"] == 10.0


CALLS = st.lists(
    st.builds(
        call,
        provider=st.sampled_from([*PRICES, "http"]),
        capability=st.sampled_from(["moderation", "predict", "query", "embedding"]),
        items=st.integers(1, 50),
        units=st.integers(0, 10**6),
        attempts=st.integers(0, 3),
        error=st.sampled_from([None, *PROVIDER_CODES]),
        reused_from=st.sampled_from([None, "a decision"]),
        shared=st.booleans(),
    ),
    max_size=8,
)


@given(CALLS, CALLS)
def test_sums_of_parts_are_the_sum_of_all(some: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    parts = costs.of_calls(some, PRICES) + costs.of_calls(others, PRICES)
    assert parts.as_dict() == costs.of_calls([*others, *some], PRICES).as_dict()


@given(CALLS)
def test_nothing_is_negative_and_reuse_is_never_paid_for(calls: list[dict[str, Any]]) -> None:
    cost = costs.of_calls(calls, PRICES)
    assert cost.estimate >= 0
    assert cost.saved >= 0
    reused = [one for one in calls if costs.is_reused(one)]
    assert costs.of_calls(reused, PRICES).estimate == 0
    assert costs.of_calls([one for one in calls if not costs.is_reused(one)], PRICES).saved == 0


@given(CALLS)
def test_without_prices_every_call_that_was_made_or_saved_is_unpriced(calls: list[dict[str, Any]]) -> None:
    cost = costs.of_calls(calls, {})
    assert (cost.estimate, cost.saved) == (0, 0)
    answered = {costs.operation(one, {}) for one in calls if "error" not in one and one.get("attempts", 1)}
    assert answered <= cost.unpriced


def test_the_runtime_reads_no_yaml_for_it() -> None:
    code = "import sys, chalicelib.costs; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
