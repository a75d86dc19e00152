"""What others have of a person who is forgotten: mentions, and answers that were paid for them."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from erasing_rows import NOW, id_at, save
from forgetting_people import OTHER, WHO, about, photo, photos, whole
from sqlalchemy import insert

from chalicelib.store import Store
from chalicelib.store.database import Database
from chalicelib.store.tables import paid_answers, task_results
from workbench.retention.forgetting import Forgotten, forget


def mentioning(store: Store, subject: str, who: str = WHO) -> str:
    """Somebody else's decision in which the person is a candidate, in the request, a fact, and the decision."""
    request = {"user_id": subject, "candidates": [who, "회원-1"], "scores": {who: 0.5}, "note": f"{who}님과 만남"}
    decided = {"outcome": "pay", "chosen": who}
    decision_id = save(store, NOW, subject=subject, request=json.dumps(request), decision=json.dumps(decided))
    with store.database.begin() as connection:
        of = task_results.c.decision_id == decision_id, task_results.c.task == "task_0"
        connection.execute(task_results.update().where(*of), {"output": json.dumps([who], ensure_ascii=False)})
        answer = {"key": id_at(NOW), "decision_id": decision_id, "model": "m", "version": "1", "units": 1.0}
        said = json.dumps({"nearest": who}, ensure_ascii=False)
        connection.execute(insert(paid_answers).values(**answer, result=said, created_at=NOW))
    return decision_id


def test_decisions_of_others_that_mention_a_person_are_counted(store: Store, database: Database) -> None:
    mentions = mentioning(store, OTHER)
    mentioning(store, OTHER, who="회원-47111")
    whole(store, OTHER), whole(store, WHO)
    before = store.get(mentions)
    done = forget(database, WHO, photos(), NOW)
    assert done.mentions is not None
    assert (done.mentions.decisions, done.mentions.in_longer_texts) == ([mentions], [mentions])
    assert (done.mentions.answers, done.is_complete) == (1, False)
    assert store.get(mentions) == before


def test_a_made_up_name_takes_their_place(store: Store, database: Database) -> None:
    mentions, another = mentioning(store, OTHER), mentioning(store, OTHER)
    save(store, NOW, subject=None, request=json.dumps({"who": WHO}))
    done = forget(database, WHO, photos(), NOW, replace=True)
    row = store.get(mentions)
    assert row is not None
    request, decided = json.loads(row["request"]), json.loads(row["decision"])
    name = decided["chosen"]
    assert name.startswith("forgotten-")
    assert (request["candidates"], request["scores"]) == ([name, "회원-1"], {name: 0.5})
    assert json.loads(next(f["output"] for f in store.results(mentions) if f["task"] == "task_0")) == [name]
    other = store.get(another)
    assert other is not None
    assert name not in other["decision"], "who is the same person cannot be told"
    assert WHO in request["note"], "longer texts are left, and said"
    assert done.mentions is not None
    assert (done.mentions.answers, done.mentions.left) == (0, 2)
    assert done.mentions.replaced == 3


def test_what_others_were_given_of_a_persons_answers_stays_theirs_and_is_said(store: Store, database: Database) -> None:
    mine, other = whole(store, WHO), whole(store, OTHER)
    with store.database.begin() as connection:
        of = task_results.c.decision_id == other, task_results.c.task == "task_0"
        calls = [{"capability": "moderation", "reused_from": mine}, {"capability": "faces"}]
        connection.execute(task_results.update().where(*of), {"calls": json.dumps(calls, separators=(",", ":"))})
    facts = store.results(other)
    done = forget(database, WHO, photos(), NOW)
    assert done.mentions is not None
    assert (done.mentions.given, done.is_complete) == (1, True)
    assert store.results(other) == facts


@pytest.mark.parametrize("subject", ["100%_a", 'say "hi"\\', "a'; DROP TABLE decisions; --", "Ünï/code"])
def test_ids_are_texts_whatever_is_in_them(store: Store, database: Database, subject: str) -> None:
    whole(store, subject), whole(store, OTHER)
    mentions = mentioning(store, OTHER, who=subject)
    save(store, NOW, request=json.dumps({"user_id": "100xxa"}), subject="100xxa")
    done = forget(database, subject, photos(), NOW)
    assert done.decisions == 1
    assert done.mentions is not None
    assert done.mentions.decisions == [mentions]


def test_an_id_that_others_have_as_a_number_is_told(store: Store, database: Database) -> None:
    whole(store, "4711")
    mentions = save(store, NOW, subject=OTHER, request=json.dumps({"to": [4711], "sum": 47110, "yes": True}))
    done = forget(database, "4711", photos(), NOW, replace=True)
    assert done.mentions is not None
    assert (done.mentions.decisions, done.mentions.in_longer_texts, done.is_complete) == ([], [mentions], False)


def test_nobody_looks_around_when_told_not_to(store: Store, database: Database) -> None:
    mentioning(store, OTHER), whole(store, WHO)
    done = forget(database, WHO, photos(), datetime.now(UTC), look_around=False)
    assert (done.mentions, done.is_complete) == (None, True)


ROWS = {"task_results": 2, "paid_answers": 1, "challenger_decisions": 1, "labels": 1}


def test_the_report_is_json(store: Store, database: Database) -> None:
    whole(store, WHO, request=about(WHO, photo=photo("a.jpg"))["request"])
    done: Forgotten = forget(database, WHO, photos(), NOW)
    assert json.loads(json.dumps(done.as_dict())) == {
        "decisions": 1,
        "rows": {**ROWS, "idempotency": 1, "claimed_facts": 1},
        "photos": {"deleted": 1, "gone": 0, "kept": [], "failed": []},
        "large_texts": {"deleted": 0, "gone": 0, "failed": []},
        "pending": 0,
        "late": 0,
        "mentions": {"decisions": [], "in_longer_texts": [], "answers": 0, "given": 0, "replaced": 0, "left": 0},
        "problems": [],
        "complete": True,
    }
