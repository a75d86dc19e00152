"""The store: a decision and its facts, together or not at all."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from store_rows import FACTS, decision, facts, half_written, ids, whole

from chalicelib.errors import Unavailable
from chalicelib.rows import Record, outcome_of
from chalicelib.store import Store

SEOUL = timezone(timedelta(hours=9))


def save(store: Store, **changes: Any) -> str:
    row = decision(**changes)
    store.save(whole(row))
    return str(row["id"])


def test_what_is_saved_is_read_back(store: Store) -> None:
    row = decision()
    store.save(whole(row))
    assert store.get(row["id"]) == row


def test_facts_come_in_the_order_in_which_their_tasks_started(store: Store) -> None:
    decision_id = save(store)
    assert [fact["task"] for fact in store.results(decision_id)] == ["task_2", "task_1", "task_0"]
    assert sorted(store.results(decision_id), key=lambda fact: fact["task"]) == facts(decision_id)


def test_a_decision_without_tasks_has_no_facts(store: Store) -> None:
    row = decision()
    store.save(whole(row, 0))
    assert store.get(row["id"]) == row
    assert store.results(row["id"]) == []


@pytest.mark.parametrize("zone", [UTC, SEOUL, timezone(timedelta(hours=-3, minutes=-30))], ids=str)
def test_times_are_read_back_as_aware_utc(store: Store, zone: timezone) -> None:
    written = datetime(2026, 3, 29, 1, 30, 15, 123456, tzinfo=zone)
    found = store.get(save(store, created_at=written))
    assert found is not None
    assert found["created_at"] == written
    assert found["created_at"].tzinfo is UTC


def test_a_bad_fact_takes_its_decision_along(store: Store, database_url: str) -> None:
    """The facts are written last, so this fails after the decision was."""
    kept = save(store)
    row = decision()
    twice = facts(row["id"]) + facts(row["id"], 1)
    with pytest.raises(Unavailable):
        store.save(Record(row, twice))
    assert ids(database_url) == {kept}
    assert half_written(database_url) == {}
    assert store.get(save(store)) is not None


def test_a_decision_is_not_overwritten(store: Store, database_url: str) -> None:
    first = decision(outcome="pay")
    store.save(whole(first))
    with pytest.raises(Unavailable):
        store.save(whole(decision(id=first["id"], outcome="review"), 0))
    assert store.get(first["id"]) == first
    assert half_written(database_url) == {}


def test_a_fact_of_no_decision_is_refused(store: Store, database_url: str) -> None:
    row = decision()
    with pytest.raises(Unavailable):
        store.save(Record(row, facts("01a20901-1225-7b1d-a4ef-1cbad7369f76")))
    assert ids(database_url) == set()


def test_eight_threads_write_and_read_without_getting_in_each_others_way(store: Store, database_url: str) -> None:
    def work(_: int) -> set[str]:
        mine = set()
        for _ in range(100):
            mine.add(save(store))
            found = store.get(max(mine))
            assert found is not None
            assert len(store.results(found["id"])) == FACTS
        return mine

    with ThreadPoolExecutor(8) as pool:
        written = set().union(*pool.map(work, range(8)))
    assert len(written) == 800
    assert ids(database_url) == written
    assert half_written(database_url) == {}


def test_text_is_stored_as_it_is(store: Store, database_url: str) -> None:
    request = json.dumps({"note": "한국어 🙂 \"quoted\" 'single' %s ? :name"}, ensure_ascii=False)
    decision_id = save(store, request=request)
    found = store.get(decision_id)
    assert found is not None
    assert found["request"] == request


@pytest.mark.parametrize(("length", "is_class"), [(1, True), (100, True), (101, False), (5000, False)])
def test_an_outcome_that_is_a_long_text_is_stored_in_the_decision_only(
    store: Store, length: int, is_class: bool
) -> None:
    """PostgreSQL would refuse it: the same decision is stored on both."""
    outcome = "가" * length
    row = decision(decision=json.dumps({"outcome": outcome}, ensure_ascii=False))
    store.save(whole(row | {"outcome": outcome_of(row["decision"])}))
    found = store.get(row["id"])
    assert found is not None
    assert json.loads(found["decision"]) == {"outcome": outcome}
    assert found["outcome"] == (outcome if is_class else None)
