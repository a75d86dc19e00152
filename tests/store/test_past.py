"""The past of one subject, from both databases: what belongs to it, by which index, and in how much time."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from time import perf_counter
from typing import Any

import pytest
from many_decisions import BEGIN, DAYS, fill, label_all
from plans import SCANS, generic_plan, plan, statements
from sqlalchemy import insert, text
from store_rows import decision, facts
from uuid6 import uuid7

from chalicelib.errors import Unavailable
from chalicelib.history import Asker, History, Stored, Wanted
from chalicelib.rows import Record
from chalicelib.store import Store
from chalicelib.store.ids import first_id
from chalicelib.store.tables import labels

NOW = datetime.now(UTC).replace(microsecond=0)
SUBJECT = "회원-1"


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    yield store
    store.close()


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def id_at(at: datetime) -> str:
    """An id made at this time."""
    return first_id(at)[:14] + "7" + str(uuid7())[15:]


def save(store: Store, at: datetime, count: int = 0, **changes: Any) -> str:
    """A decision about the subject at a time, and its id."""
    row = decision(at, **{"id": id_at(at), "subject": SUBJECT, "outcome": "reject", **changes})
    store.save(Record(row, facts(row["id"], count)))
    return str(row["id"])


def label(store: Store, decision_id: str, at: datetime, **changes: Any) -> None:
    said = {"outcome": "pay", "who": "김민지", "reason": "얼굴이 보임", "client": "import", **changes}
    with store.database.begin() as connection:
        connection.execute(insert(labels).values(id=id_at(at), decision_id=decision_id, created_at=at, **said))


def history(store: Store, now: datetime = NOW, **changes: Any) -> History:
    asker = Asker("refund_check", SUBJECT, now, stage="local")
    return History(Stored(lambda: store), replace(asker, **changes), {"refund_check", "photo_review"})


def test_it_holds_what_was_decided_about_the_subject_and_nothing_else(store: Store) -> None:
    wanted = [save(store, ago(days=days)) for days in (1, 2, 29)]
    save(store, ago(days=1), subject="회원-2")
    save(store, ago(days=1), subject=None)
    save(store, ago(days=1), stage="staging")
    save(store, ago(days=1), status="failed", outcome=None, decision=None)
    save(store, ago(days=1), status="forgotten", subject=None, decision=None)
    save(store, ago(days=1), status="forgotten", decision=None)  # however it was written
    save(store, ago(days=1), use_case="photo_review")
    save(store, ago(days=31))
    save(store, NOW)  # not before now
    save(store, NOW + timedelta(hours=1))
    found = history(store).decisions()
    assert [past.id for past in found] == wanted
    assert found[0].model_dump() == {
        "id": wanted[0],
        "use_case": "refund_check",
        "subject": "",
        "outcome": "reject",
        "decision": {"outcome": "pay"},
        "created_at": ago(days=1),
    }


def test_the_asking_decision_is_left_out_and_one_of_its_keys_retry_is_found_by_its_own_time(store: Store) -> None:
    itself = save(store, ago(seconds=1))
    late = save(store, ago(hours=2), id=id_at(ago(minutes=1)))  # a retry: its id is younger than its decision's time
    later = save(store, ago(hours=1), id=id_at(NOW + timedelta(minutes=1)))
    first = save(store, ago(days=29, hours=23))
    found = history(store, decision_id=itself).decisions()
    assert [past.id for past in found] == [later, late, first]


def test_decisions_by_outcome_use_case_and_number(store: Store) -> None:
    ids = {outcome: save(store, ago(days=1), outcome=outcome) for outcome in ("pay", "reject")}
    other = save(store, ago(days=1), use_case="photo_review")
    newest = save(store, ago(hours=1), outcome="pay")
    past = history(store)
    assert [one.id for one in past.decisions(outcome="reject")] == [ids["reject"]]
    assert [one.id for one in past.decisions(outcome="pay", limit=1)] == [newest]
    assert [one.id for one in past.decisions("photo_review")] == [other]
    assert past.decisions(outcome="approve") == []


def test_results_are_what_tasks_found(store: Store) -> None:
    row = decision(ago(days=1), id=id_at(ago(days=1)), subject=SUBJECT)
    found, fallen, failed = facts(row["id"])
    fallen |= {"fallback_used": True, "error": '{"error":"timeout"}', "output": "0"}
    failed |= {"error": '{"error":"timeout"}', "output": None}
    store.save(Record(row, [found, fallen, failed]))
    past = history(store)
    (result,) = past.results("task_0")
    assert result.model_dump() == {
        "decision_id": row["id"],
        "use_case": "refund_check",
        "task": "task_0",
        "result": {"text": "사실"},
        "created_at": ago(days=1),
    }
    assert past.results("task_1") == past.results("task_2") == past.results("none") == []
    assert history(store, subject="회원-2").results("task_0") == []
    assert past.results("task_0", since="1h") == past.results("task_0", "photo_review") == []


def test_labels_are_those_that_were_given_in_time_of_decisions_of_any_time(store: Store) -> None:
    old, new = save(store, ago(days=300)), save(store, ago(days=2))
    others = save(store, ago(days=2), subject="회원-2")
    label(store, old, ago(days=3))
    label(store, new, ago(days=1), who="이서준", outcome="reject", reason=None)
    label(store, new, ago(days=31))  # given too long ago
    label(store, new, NOW)  # given after the decision
    label(store, others, ago(days=1))
    first, second = history(store).labels()
    assert first.model_dump() == {
        "decision_id": new,
        "use_case": "refund_check",
        "outcome": "reject",
        "decided": "reject",
        "who": "이서준",
        "reason": None,
        "created_at": ago(days=1),
    }
    assert (second.decision_id, second.outcome, second.decided, second.reason) == (old, "pay", "reject", "얼굴이 보임")
    assert [one.created_at for one in history(store).labels(since="300d", limit=3)] == [
        ago(days=1),
        ago(days=3),
        ago(days=31),
    ]


def test_what_is_sealed_is_masked(store: Store) -> None:
    """A fact is recorded as its own annotation says: what history opened could be written down plainly."""
    save(store, ago(days=1), decision='{"outcome":"reject","phone":{"$sealed":"gAAAA="}}')
    (past,) = history(store).decisions()
    assert past.decision == {"outcome": "reject", "phone": "[sensitive]"}


# How it is found

COUNT = 20_000
FACTS = """
INSERT INTO task_results (decision_id, task, fact_key, calls, output, fallback_used, started_ms, duration_ms)
SELECT id, 'moderation', '', '[]', '{"score":0.1}', false, 0, 1 FROM decisions
"""


@pytest.fixture
def full(store: Store) -> Store:
    store.ping()
    fill(store.database, COUNT)
    label_all(store.database)
    with store.database.begin() as connection:
        connection.exec_driver_sql(FACTS)
        if store.database.dialect.name == "postgresql":
            connection.execute(text("ANALYZE task_results"))
    return store


def test_outcomes_of_many_subjects_are_counted(store: Store) -> None:
    for subject, outcomes in {"가": ["approve", "approve", "reject"], "나": ["review"], "다": [None]}.items():
        for number, outcome in enumerate(outcomes):
            save(store, ago(days=number + 1), subject=subject, outcome=outcome)
    save(store, ago(days=40), subject="가")
    save(store, ago(days=1), subject="가", stage="staging")
    save(store, ago(days=1), subject="가", use_case="another")
    save(store, ago(days=1), subject="가", status="failed")
    asking = save(store, ago(days=1), subject="나")
    many = [*(f"m-{number}" for number in range(990)), "다", "나", "가"]
    found = history(store, decision_id=asking).outcomes(many)
    assert found == {"나": {"review": 1}, "가": {"approve": 2, "reject": 1}}


def questions(store: Store, subject: str, since: datetime = BEGIN) -> dict[str, Any]:
    """What may be asked of the past of everything that ``fill`` made."""
    past, asker = store.past, Asker("refund_check", subject, BEGIN + timedelta(days=DAYS), str(uuid7()), "local")
    wanted = Wanted(asker, "refund_check", since, 100)
    return {
        "decisions": lambda: past.decisions(wanted),
        "decisions of an outcome": lambda: past.decisions(wanted, "review"),
        "decisions of a rare use case": lambda: past.decisions(replace(wanted, use_case="rare_check"), "approve"),
        "results": lambda: past.results(wanted, "moderation"),
        "labels": lambda: past.labels(wanted),
        "outcomes": lambda: past.outcomes(wanted, [subject, *(f"회원-{number}" for number in range(9))]),
    }


def test_every_question_walks_the_subjects_own_decisions(full: Store) -> None:
    """And from there finds facts by their primary key and labels by their decision; also of who has a fifth of all."""
    sqlite = full.database.dialect.name == "sqlite"
    for subject, since in product(("회원-17", "회원-단골"), (BEGIN, BEGIN + timedelta(days=DAYS - 30))):
        for name, ask in questions(full, subject, since).items():
            (asked,) = statements(full.database, ask)
            for lines in [plan(full.database, asked)] + ([] if sqlite else [generic_plan(full.database, asked)]):
                shown = (subject, name, "\n".join(lines))
                walked = [line for line in lines if re.search(r"ix_decisions_subject|_subject_id_idx", line)]
                assert walked, shown
                assert not [line for line in lines if SCANS.search(line.strip(" ->"))], shown
                assert not sqlite or ("(subject=? AND id>?)" in walked[0]) == (name != "labels"), shown
                assert name != "labels" or any("ix_labels_decision" in line for line in lines), shown
    found = {name: ask() for name, ask in questions(full, "회원-17").items()}
    assert 0 < len(found["decisions of an outcome"]) < len(found["decisions"]) <= COUNT // 900
    assert {row["decision_id"] for row in found["results"]} == {row["id"] for row in found["decisions"]}
    assert found["labels"]
    assert sum(count for subject, _, count in found["outcomes"] if subject == "회원-17") > 0


# When the database is slow


def test_it_is_read_no_longer_than_the_asker_waits(full: Store) -> None:
    with full.database.begin() as connection:
        connection.execute(text("UPDATE decisions SET subject = '회원-17'"))
    asker = Asker("refund_check", "회원-17", BEGIN + timedelta(days=DAYS), "", "local", lambda: 0.001)
    with pytest.raises(Unavailable) as raised:
        full.past.decisions(Wanted(asker, "refund_check", BEGIN, 100), "none")
    assert raised.value.code == "store-unavailable"
    patient = replace(asker, left=lambda: 60.0)  # and the connection is as it was
    assert full.past.decisions(Wanted(patient, "refund_check", BEGIN, 100), "none") == []
    assert len(full.past.decisions(Wanted(patient, "refund_check", BEGIN, 100))) == 100


def test_nothing_is_read_when_no_time_is_left(store: Store) -> None:
    with pytest.raises(Unavailable, match="no time is left"):
        history(store, left=lambda: 0.0).decisions()


def test_a_locked_table_makes_nobody_wait_longer(new_postgres: Any) -> None:
    store = Store(new_postgres())
    store.ping()
    locked, done = threading.Event(), threading.Event()

    def lock() -> None:
        with store.database.begin() as connection:
            connection.execute(text("LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE"))
            locked.set()
            done.wait(10)

    holder = threading.Thread(target=lock)
    holder.start()
    assert locked.wait(10)
    began = perf_counter()
    with pytest.raises(Unavailable):
        history(store, left=lambda: 0.2).decisions()
    assert perf_counter() - began < 1.9  # the lock timeout of the service alone is 2 s
    done.set()
    holder.join()
    assert history(store).decisions() == []
    store.close()
