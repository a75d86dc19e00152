"""Nothing is paid twice for one Idempotency-Key: retries decide on what earlier attempts found."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from keyed_project import REQUEST, TASKS, Shop, at_each_commit, make_shop

from chalicelib import costs
from chalicelib.errors import Conflict, DecisionFailed, KeyReused, Unavailable
from chalicelib.service import LOCAL_CLIENT, Decided
from chalicelib.settings import ApiKey

ONCE = dict.fromkeys(TASKS, 1)
PRICES = {"counted": {"any": {"usd": 1, "per": 1, "unit": "call"}}}


class Crash(BaseException):
    """What nobody expects."""


def crash_at(name: str) -> Callable[[str, int], None]:
    def act(passed: str, number: int) -> None:
        if passed == name:
            raise Crash

    return act


def no_release(*arguments: Any) -> None:
    """Its process is dead."""


@pytest.fixture
def died(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop where the first attempt found everything, and died before it could store its decision."""
    with monkeypatch.context() as patch:
        patch.setattr("chalicelib.store.claims.Claims.release", no_release)
        with at_each_commit(crash_at("before ending")), pytest.raises(Crash):
            shop.decide()
    assert shop.counts() == {"decisions": 0, "task_results": 0, "idempotency": 1, "claimed_facts": 4}
    return shop


def test_the_second_request_is_answered_by_the_first_decision(shop: Shop) -> None:
    first, again = shop.decide(), shop.decide()
    assert again == Decided(first.id, first.envelope, replayed=True)
    assert shop.paid() == ONCE
    assert shop.counts() == {"decisions": 1, "task_results": 4, "idempotency": 1, "claimed_facts": 0}


def test_fifty_requests_at_once_make_one_decision_and_one_set_of_calls(shop: Shop) -> None:
    barrier, ended = threading.Barrier(50), list[Any]()

    def ask() -> None:
        barrier.wait()
        conflicts = 0
        while True:
            try:
                decided = shop.decide()
                ended.append((decided.id, decided.envelope, decided.replayed, conflicts))
                return
            except Conflict as conflict:
                assert int(conflict.headers["Retry-After"]) > 0
                conflicts += 1
                time.sleep(0.02)
            except BaseException as error:
                ended.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(id_, envelope) for id_, envelope, _, _ in ended} == {ended[0][:2]}
    assert sorted(replayed for _, _, replayed, _ in ended) == [False] + [True] * 49
    assert shop.paid() == ONCE
    assert shop.counts()["decisions"] == 1


def test_another_client_and_another_use_case_have_keys_of_their_own(shop: Shop) -> None:
    other = ApiKey("다른", "", None)
    made = [shop.decide(), shop.decide(client=other), shop.decide(use_case="paid_twin")]
    assert len({decided.id for decided in made}) == 3
    assert not any(decided.replayed for decided in made)
    assert [shop.decide().id, shop.decide(client=other).id, shop.decide(use_case="paid_twin").id] == [
        decided.id for decided in made
    ]


def test_a_failed_decision_is_no_reply_and_its_facts_are_reused(shop: Shop) -> None:
    shop.provider.failing = "three"
    with pytest.raises(DecisionFailed) as failed:
        shop.decide()
    assert shop.paid() == {"one": 1, "two": 1, "three": 1}
    shop.provider.failing = ""
    decided, failed_id = shop.decide(), failed.value.members["decision_id"]
    assert shop.paid() == {"one": 1, "two": 1, "three": 2, "four": 1}
    assert (decided.replayed, decided.id != failed_id) == (False, True)
    assert shop.counts() == {"decisions": 2, "task_results": 7, "idempotency": 1, "claimed_facts": 0}
    facts = shop.facts(decided.id)
    assert [facts[task]["carried_from"] for task in TASKS] == [failed_id, failed_id, None, None]
    assert [facts[task]["calls"][0].get("reused_from") for task in TASKS] == [failed_id, failed_id, None, None]
    assert shop.store.get(decided.id)["created_at"] == shop.store.get(failed_id)["created_at"]
    assert shop.decide().envelope == decided.envelope


def test_the_trace_says_which_attempt_found_a_fact(shop: Shop) -> None:
    shop.provider.failing = "two"
    with pytest.raises(DecisionFailed) as failed:
        shop.decide()
    shop.provider.failing = ""
    trace = json.loads(shop.service.get(LOCAL_CLIENT, shop.decide().id, with_trace=True))["trace"]
    found = {step["step"]: step.get("carried_from") for step in trace["steps"] if step["kind"] == "task"}
    assert found == {"one": failed.value.members["decision_id"], "two": None, "three": None, "four": None}
    assert trace["logic"] == "recomputed"


def test_what_failed_attempts_paid_is_counted_once(shop: Shop) -> None:
    ids = []
    for failing in ("two", "four", "four"):
        shop.provider.failing = failing
        with pytest.raises(DecisionFailed) as failed:
            shop.decide()
        ids.append(failed.value.members["decision_id"])
    shop.provider.failing = ""
    ids.append(shop.decide().id)
    calls = [call for one in ids for fact in shop.facts(one).values() for call in fact["calls"]]
    asked = shop.paid()
    assert asked == {"one": 1, "two": 2, "three": 1, "four": 3}
    refused = 3  # which are not charged
    assert costs.of_calls(calls, PRICES).estimate == asked.total() - refused


def test_an_owner_that_died_is_taken_over_after_its_deadline_only(died: Shop) -> None:
    with pytest.raises(Conflict):
        died.decide()
    owned = died.claim()["owned_until"] - died.claim()["created_at"]
    assert timedelta(seconds=9) < owned < timedelta(seconds=20)
    died.outlive_the_owner()
    decided = died.decide()
    assert died.paid() == ONCE
    facts = died.facts(decided.id)
    owner = facts["one"]["carried_from"]
    assert [facts[task]["carried_from"] for task in TASKS] == [owner] * 4 != [None] * 4
    assert died.store.get(owner) is None
    assert costs.of_calls([call for fact in facts.values() for call in fact["calls"]], PRICES).estimate == 4
    assert died.counts() == {"decisions": 1, "task_results": 4, "idempotency": 1, "claimed_facts": 0}


def test_what_a_dead_attempt_paid_is_counted_in_the_failed_one_after_it(died: Shop) -> None:
    with died.store.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM claimed_facts WHERE task = 'four'")
    died.outlive_the_owner()
    died.provider.failing = "four"
    with pytest.raises(DecisionFailed) as failed:
        died.decide()
    died.provider.failing = ""
    decided, failed_id = died.decide(), failed.value.members["decision_id"]
    assert all("reused_from" not in fact["calls"][0] for fact in died.facts(failed_id).values())
    facts = died.facts(decided.id)
    assert [facts[task]["calls"][0].get("reused_from") for task in TASKS] == [failed_id] * 3 + [None]


def test_a_slow_owner_that_lost_its_claim_stores_nothing(shop: Shop) -> None:
    other = make_shop(shop.service.manifest, shop.service.settings.database_url, shop.provider.log)
    made = list[Decided]()

    def overtake(name: str, number: int) -> None:
        if name == "before ending" and not made:
            made.append(None)  # type: ignore[arg-type]  # not again, when the other one ends
            shop.outlive_the_owner()
            made[0] = other.decide()

    with at_each_commit(overtake), pytest.raises(Conflict) as lost:
        shop.decide()
    assert "Retry-After" in lost.value.headers
    assert shop.counts() == {"decisions": 1, "task_results": 4, "idempotency": 1, "claimed_facts": 0}
    assert shop.paid() == ONCE
    assert shop.decide().envelope == made[0].envelope
    other.store.close()


def test_a_slow_owner_that_lost_its_claim_keeps_no_facts(shop: Shop) -> None:
    def lose(name: str, number: int) -> None:
        if (name, number) == ("after take", 2):
            shop.change_claim(decision_id="0199d3b4-0000-7000-8000-000000000000")

    with at_each_commit(lose), pytest.raises(Conflict):
        shop.decide()
    assert shop.counts() == {"decisions": 0, "task_results": 0, "idempotency": 1, "claimed_facts": 0}
    assert shop.claim()["state"] == "running"  # it is the other's


def test_a_key_is_forgotten_after_24_hours(shop: Shop) -> None:
    first = shop.decide()
    claim = shop.claim()
    assert claim["expires_at"] - claim["created_at"] == timedelta(hours=24)
    shop.change_claim(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    second = shop.decide()
    assert (second.id != first.id, second.replayed) == (True, False)
    assert shop.paid() == dict.fromkeys(TASKS, 2)
    assert shop.claim()["claim"] != claim["claim"]
    assert shop.decide().id == second.id


def test_an_expired_attempt_leaves_no_facts_behind(died: Shop) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    died.change_claim(expires_at=past, owned_until=past)
    died.decide()
    assert died.paid() == dict.fromkeys(TASKS, 2)
    assert died.counts()["claimed_facts"] == 0


def test_what_is_being_decided_does_not_expire(died: Shop) -> None:
    died.change_claim(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(Conflict):
        died.decide()


def test_a_reply_whose_decision_was_deleted_is_decided_anew(shop: Shop) -> None:
    first = shop.decide()
    with shop.store.database.begin() as connection:
        connection.exec_driver_sql("DELETE FROM decisions")
    assert shop.decide().id != first.id
    assert shop.counts()["idempotency"] == 1


def test_an_attempt_that_ended_without_a_decision_can_be_repeated_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overloaded(*arguments: Any) -> None:
        raise Unavailable("too many tasks hang", code="overloaded", retry_after=5)

    with monkeypatch.context() as patch, pytest.raises(Unavailable):
        patch.setattr(shop.service.engine, "run", overloaded)
        shop.decide()
    assert shop.claim()["state"] == "open"
    with at_each_commit(crash_at("before ending")), pytest.raises(Crash):
        shop.decide()
    assert shop.decide().replayed is False
    assert shop.paid() == ONCE


def test_another_body_has_no_part_of_the_facts(shop: Shop) -> None:
    shop.provider.failing = "two"
    with pytest.raises(DecisionFailed):
        shop.decide()
    changed = json.dumps(REQUEST | {"note": "둘"})
    with pytest.raises(KeyReused):
        shop.service.decide(LOCAL_CLIENT, "paid_check", changed, key="열쇠")
