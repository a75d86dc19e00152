"""What is too old goes, all of it and nothing else, beside a service that writes."""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Event, Thread

import pytest
from erasing_rows import NOW, challenge, claim, counts, id_at, ids, label, save

from chalicelib.store import Store
from chalicelib.store.database import Database
from workbench.retention import purging
from workbench.retention.purging import planned, purge
from workbench.retention.rows import BATCH, delete_decisions

DAY = timedelta(days=1)
BEFORE = NOW - 180 * DAY


def everything(store: Store, at: datetime) -> str:
    """A decision with something in each table."""
    decision_id = save(store, at)
    label(store, decision_id)
    challenge(store, decision_id)
    claim(store, decision_id, at + DAY)
    return decision_id


def test_old_decisions_go_with_all_that_belongs_to_them(store: Store, database: Database) -> None:
    for days in (181, 200, 400, 800):
        everything(store, NOW - days * DAY)
    kept = everything(store, NOW - 179 * DAY), everything(store, NOW)
    done = purge(database, BEFORE, NOW)
    assert ids(store) == set(kept)
    left = {"decisions": 2, "task_results": 4, "paid_answers": 2, "labels": 2, "label_samples": 2}
    left["challenger_decisions"] = 2
    assert counts(store) == {**left, "idempotency": 1, "claimed_facts": 1}  # one is expired
    expected = {"decisions": 4, "task_results": 8, "paid_answers": 4, "labels": 4, "label_samples": 4}
    expected["challenger_decisions"] = 4
    assert dict(done.rows) == {**expected, "idempotency": 5, "claimed_facts": 5}
    assert done.problems == []
    assert not any(purge(database, BEFORE, NOW).rows.values())


def test_a_dry_run_says_what_would_go_and_changes_nothing(store: Store, database: Database) -> None:
    for days in (181, 200, 179):
        everything(store, NOW - days * DAY)
    before = counts(store)
    plan = planned(database, BEFORE, NOW)
    assert counts(store) == before
    assert (plan.rows["decisions"], plan.rows["task_results"], plan.rows["labels"]) == (2, 4, 2)
    done = purge(database, BEFORE, NOW)
    assert {table: done.rows[table] for table in plan.rows} == dict(plan.rows)


def test_age_is_that_of_the_decisions_time(store: Store, database: Database) -> None:
    """A keyed retry has the first attempt's time, and a later id."""
    save(store, BEFORE - DAY / 2, id=id_at(BEFORE + DAY / 2))
    kept = save(store, BEFORE + DAY / 2)
    purge(database, BEFORE, NOW)
    assert ids(store) == {kept}


def test_more_than_one_batch(store: Store, database: Database) -> None:
    for number in range(BATCH + 3):
        save(store, NOW - 200 * DAY + timedelta(seconds=number), facts_of=0)
    save(store, NOW)
    assert purge(database, BEFORE, NOW).rows["decisions"] == BATCH + 3
    assert counts(store)["decisions"] == 1


def test_a_claim_that_somebody_decides_stays(store: Store, database: Database) -> None:
    gone = id_at(NOW)
    claim(store, gone, NOW - DAY)
    claim(store, gone, NOW - DAY, "running", owned_until=NOW + timedelta(seconds=20))
    claim(store, gone, NOW + DAY, "open")
    done = purge(database, BEFORE, NOW)
    assert (done.rows["idempotency"], done.rows["claimed_facts"]) == (1, 1)
    assert counts(store) == {"idempotency": 2, "claimed_facts": 2}


def test_a_purge_that_was_killed_is_ended_by_the_next(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "BATCH", 2)
    for number in range(7):
        everything(store, NOW - 200 * DAY + timedelta(seconds=number))
    batches = 0

    def killed(*arguments: object) -> object:
        nonlocal batches
        batches += 1
        gone = delete_decisions(*arguments)  # type: ignore[arg-type]
        if batches == 3:
            raise KeyboardInterrupt
        return gone

    monkeypatch.setattr(purging, "delete_decisions", killed)
    with pytest.raises(KeyboardInterrupt):
        purge(database, BEFORE, NOW)
    assert counts(store) == {table: rows * 3 for table, rows in ONE.items()}
    monkeypatch.setattr(purging, "delete_decisions", delete_decisions)
    assert purge(database, BEFORE, NOW).rows["decisions"] == 3
    assert counts(store) == {}


ONE = {
    "decisions": 1,
    "task_results": 2,
    "paid_answers": 1,
    "labels": 1,
    "label_samples": 1,
    "idempotency": 1,
    "claimed_facts": 1,
    "challenger_decisions": 1,
}


def test_decisions_are_taken_while_others_are_purged(store: Store, database: Database) -> None:
    for number in range(2 * BATCH):
        save(store, NOW - 200 * DAY + timedelta(seconds=number))
    ended, written, failed = Event(), set[str](), list[Exception]()

    def write() -> None:
        while not ended.is_set() or not written:
            try:
                written.add(save(store, NOW))
            except Exception as error:
                failed.append(error)
                return

    writers = [Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    purge(database, BEFORE, NOW)
    ended.set()
    for writer in writers:
        writer.join()
    assert failed == []
    assert ids(store) == written
