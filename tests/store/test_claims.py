"""Claims of keyed requests: of any number who want one, one gets it; who lost it stores nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update
from store_rows import decision, whole
from uuid6 import uuid7

from chalicelib.claim import DONE, KEPT, OPEN, RUNNING, Claim
from chalicelib.errors import Conflict, Unavailable
from chalicelib.store import Store
from chalicelib.store.claims import Claims
from chalicelib.store.tables import claimed_facts, decisions, idempotency

AT = datetime(2026, 3, 1, 12, 30, 0, 123456, tzinfo=UTC)
SECONDS = timedelta(seconds=20)


def wanted(at: datetime = AT, payload: str = "p" * 64, **changes: Any) -> Claim:
    """The claim of a new attempt."""
    scope = "가게", "refund_check", "k-1"
    made = Claim(*scope, str(uuid7()), payload, RUNNING, str(uuid7()), at + SECONDS, at, at + KEPT)
    return replace(made, **changes)


def fact(claim: Claim, task: str = "one") -> dict[str, Any]:
    row = {"claim": claim.claim, "task": task, "fact_key": "f" * 64, "attempt": claim.decision_id, "recorded": False}
    return row | {"output": '{"text":"사실"}', "calls": "[]", "answers": "[]"}


@pytest.fixture
def store(emptied_url: str) -> Iterator[Store]:
    made = Store(emptied_url)
    yield made
    made.close()


@pytest.fixture
def claims(store: Store) -> Claims:
    return store.claims


def take(claims: Claims, claim: Claim, at: datetime = AT) -> Claim:
    return claims.take(claim, [claim.payload], at)


def find(claims: Claims, claim: Claim) -> Claim | None:
    return claims.find(claim.client, claim.use_case, claim.key)


def end(store: Store, claim: Claim, failed: bool = False, *tasks: str) -> None:
    found = [(task, "f" * 64) for task in tasks]
    with store.claims.ending(claim, failed, [], found) as batch:
        store.add(batch, whole(decision(id=claim.decision_id)))


def count(store: Store, table: Any) -> int:
    with store.database.read() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_who_comes_first_has_the_claim_as_it_was_wanted(claims: Claims) -> None:
    first = wanted(salt="소금")
    assert find(claims, first) is None
    assert take(claims, first) == find(claims, first) == first


@pytest.mark.parametrize("scope", [{"client": "앱"}, {"use_case": "trouble"}, {"key": "k-2"}, {"key": "K-1"}])
def test_each_client_use_case_and_key_is_claimed_by_itself(claims: Claims, scope: dict[str, str]) -> None:
    first, other = wanted(), wanted(**scope)
    assert (take(claims, first), take(claims, other)) == (first, other)


def test_while_its_owner_lives_a_claim_stays_its_own(claims: Claims) -> None:
    first = take(claims, wanted())
    just_before = AT + SECONDS - timedelta(microseconds=1)
    assert take(claims, wanted(just_before), just_before) == first


def test_after_its_deadline_an_owner_is_dead_and_its_claim_goes_to_who_asks(claims: Claims) -> None:
    first, later = take(claims, wanted()), AT + SECONDS
    second = wanted(later)
    taken = take(claims, second, later)
    assert taken == replace(first, decision_id=second.decision_id, owned_until=second.owned_until)
    assert find(claims, first) == taken  # the same claim with its time, so its facts are as good


def test_a_released_claim_goes_to_who_asks_at_once(claims: Claims) -> None:
    first = take(claims, wanted())
    claims.release(first)
    assert getattr(find(claims, first), "state", None) == OPEN
    second = wanted()
    assert take(claims, second).decision_id == second.decision_id


def test_who_does_not_know_that_it_took_over_can_release_the_claim(claims: Claims) -> None:
    first = take(claims, wanted())
    second = wanted(AT + SECONDS)  # under a claim's id that never came to be
    take(claims, second, AT + SECONDS)
    claims.release(second)
    assert find(claims, first) == replace(
        first, state=OPEN, decision_id=second.decision_id, owned_until=second.owned_until
    )


def test_only_its_owner_releases_a_claim(claims: Claims) -> None:
    first = take(claims, wanted())
    second = take(claims, wanted(AT + SECONDS), AT + SECONDS)
    claims.release(first)
    assert find(claims, first) == second


def test_what_is_done_stays_done(store: Store, claims: Claims) -> None:
    first = take(claims, wanted())
    end(store, first)
    done = replace(first, state=DONE)
    claims.release(first)
    late = AT + KEPT - timedelta(microseconds=1)
    assert take(claims, wanted(late), late) == find(claims, first) == done


def test_another_payload_takes_no_claim_that_is_there(claims: Claims) -> None:
    first = take(claims, wanted())
    claims.release(first)
    assert take(claims, wanted(payload="q" * 64)) == replace(first, state=OPEN)
    other = wanted(payload="q" * 64)
    assert claims.take(other, ["q" * 64, "p" * 64], AT).decision_id == other.decision_id  # under an older key


def test_an_expired_claim_makes_room_with_all_its_facts(store: Store, claims: Claims) -> None:
    first = take(claims, wanted())
    claims.keep(first, fact(first))
    claims.release(first)
    second = wanted(AT + KEPT, payload="q" * 64)
    assert take(claims, second, AT + KEPT) == find(claims, first) == second
    assert count(store, claimed_facts) == 0


def test_what_is_owned_does_not_expire(claims: Claims) -> None:
    first = take(claims, wanted(expires_at=AT))
    assert take(claims, wanted()) == first


def at_once(act: Callable[[], Any], times: int = 20) -> list[Any]:
    """What each of many threads that begin together gets."""
    barrier, got = threading.Barrier(times), list[Any]()

    def run() -> None:
        barrier.wait()
        try:
            got.append(act())
        except Exception as error:
            got.append(error)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


@pytest.mark.parametrize("before", ["none", "open", "dead", "expired"])
def test_of_many_at_once_one_gets_the_claim(claims: Claims, before: str) -> None:
    at = AT
    if before != "none":
        first = take(claims, wanted())
        at += {"open": timedelta(), "dead": SECONDS, "expired": KEPT}[before]
        if before == "open":
            claims.release(first)

    def ask() -> tuple[Claim, Claim]:
        mine = wanted(at)
        return mine, take(claims, mine, at)

    got = at_once(ask)
    winners = [mine for mine, there in got if mine.decision_id == there.decision_id]
    assert len(winners) == 1
    assert {there.decision_id for _, there in got} == {winners[0].decision_id}


def test_facts_are_found_by_who_takes_over(claims: Claims) -> None:
    first = take(claims, wanted())
    rows = [fact(first, "one"), fact(first, "two")]
    for row in rows:
        claims.keep(first, row)
    second = take(claims, wanted(AT + SECONDS), AT + SECONDS)
    assert sorted(claims.facts(second), key=lambda row: row["task"]) == rows


def test_who_lost_its_claim_keeps_no_facts_and_ends_nothing(store: Store, claims: Claims) -> None:
    first = take(claims, wanted())
    second = take(claims, wanted(AT + SECONDS), AT + SECONDS)
    claims.keep(first, fact(first))
    assert claims.facts(second) == []
    for failed in (False, True):
        with pytest.raises(Conflict):
            end(store, first, failed)
    assert count(store, decisions) == 0
    assert find(claims, first) == second
    end(store, second)
    with pytest.raises(Conflict):
        end(store, second)
    assert count(store, decisions) == 1


def test_a_fact_that_comes_while_another_takes_over_is_not_kept(store: Store, claims: Claims) -> None:
    """Its statement began when its finder was the owner still; the new owner has looked for facts before it ends."""
    first, second = take(claims, wanted()), wanted(AT + SECONDS)
    with ThreadPoolExecutor(1) as pool:
        with store.database.begin() as connection:
            connection.execute(select(idempotency).with_for_update())
            keeping = pool.submit(claims.keep, first, fact(first))
            with pytest.raises(TimeoutError):
                keeping.result(timeout=0.3)
            connection.execute(update(idempotency).values(decision_id=second.decision_id))
        keeping.result(timeout=10)
    assert claims.facts(first) == []


def test_an_end_that_cannot_be_stored_changes_nothing(store: Store, claims: Claims) -> None:
    first = take(claims, wanted())
    claims.keep(first, fact(first))
    store.save(whole(decision(id=first.decision_id)))  # so that its id is there already
    with pytest.raises(Unavailable):
        end(store, first)
    assert find(claims, first) == first
    assert len(claims.facts(first)) == 1


def test_a_failed_end_opens_the_claim_and_says_who_has_its_facts(store: Store, claims: Claims) -> None:
    first = take(claims, wanted())
    claims.keep(first, fact(first, "one"))
    claims.keep(first, fact(first, "two"))
    second = take(claims, wanted(AT + SECONDS), AT + SECONDS)
    end(store, second, True, "one")
    assert getattr(find(claims, first), "state", None) == OPEN
    found = {row["task"]: (row["attempt"], row["recorded"]) for row in claims.facts(second)}
    assert found == {"one": (second.decision_id, True), "two": (first.decision_id, False)}
    third = take(claims, wanted())
    end(store, third, True, "one", "two")
    found = {row["task"]: (row["attempt"], row["recorded"]) for row in claims.facts(third)}
    assert found == {"one": (second.decision_id, True), "two": (third.decision_id, True)}


def test_a_dropped_claim_leaves_nothing(store: Store, claims: Claims) -> None:
    first = take(claims, wanted())
    claims.keep(first, fact(first))
    claims.drop(replace(first, decision_id=str(uuid7())))  # somebody took over meanwhile
    assert find(claims, first) == first
    claims.drop(first)
    assert find(claims, first) is None
    assert count(store, claimed_facts) == 0
