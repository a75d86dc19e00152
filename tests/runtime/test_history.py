"""A task's history: the subject's past, ending at the decision's time, asked for clearly and recorded as a fact."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.asking import Asking
from chalicelib.engine import Engine
from chalicelib.errors import ContractError, Unavailable
from chalicelib.history import Asker, History, Stored, nothing_before
from chalicelib.usecase import PastDecision, PastLabel, PastResult

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def rejected(*times: datetime, **changes: Any) -> list[PastDecision]:
    return [PastDecision(outcome="reject", created_at=time, **changes) for time in times]


def asked(past: History, decision_id: str = "", subject: str | None = "회원-1") -> History:
    """The past as a task of a decision at NOW is given it."""
    return past.asked_by(Asking(use_case="notebook", decision_id=decision_id), subject, NOW, {"photo_review", "refund"})


def test_it_ends_at_the_decisions_time_and_begins_where_it_was_asked_to() -> None:
    times = [ago(days=31), ago(days=30), ago(days=2), ago(microseconds=1), NOW, NOW + timedelta(days=1)]
    history = asked(History.of(rejected(*times)))
    assert [past.created_at for past in history.decisions()] == [ago(microseconds=1), ago(days=2), ago(days=30)]
    assert [past.created_at for past in history.decisions(since="36h")] == [ago(microseconds=1)]
    assert len(history.decisions(since="999999d")) == 4  # before there are dates


def test_the_asking_decision_is_no_part_of_its_own_past() -> None:
    past = History.of([*rejected(ago(days=1), id="one"), *rejected(ago(days=2), id="two")])
    assert [one.id for one in asked(past, "one").decisions()] == ["two"]


def test_it_is_the_asking_use_cases_own_unless_another_is_named() -> None:
    own, others = rejected(ago(days=1)), rejected(ago(days=2), use_case="refund")
    history = asked(History.of([*own, *others]))
    assert history.decisions() == own
    assert history.decisions("refund") == others
    named = History.of(others, use_case="refund")  # as when real decisions are copied into a notebook
    assert asked(named).decisions() == others


def test_decisions_are_asked_for_by_outcome_and_at_most_so_many() -> None:
    approved = PastDecision(outcome="approve", created_at=ago(days=3))
    history = asked(History.of([*rejected(ago(days=1), ago(days=2)), approved]))
    assert history.decisions(outcome="approve") == [approved]
    assert [past.created_at for past in history.decisions(limit=2)] == [ago(days=1), ago(days=2)]


def test_results_and_labels() -> None:
    result = PastResult(task="moderation", result={"scores": {"nudity": 0.4}}, created_at=ago(days=1))
    other = PastResult(task="faces", result=[], created_at=ago(days=1))
    label = PastLabel(outcome="approve", decided="reject", who="김민지", created_at=ago(days=1))
    old = PastLabel(outcome="approve", created_at=ago(days=40))
    history = asked(History.of(results=[result, other], labels=[old, label]))
    assert history.results("moderation") == [result]
    assert history.results("text") == []
    assert history.labels() == [label]
    assert history.labels(since="60d") == [label, old]


def test_without_a_subject_nothing_is_known() -> None:
    past = History.of(rejected(ago(days=1)), [PastResult(task="a", created_at=ago(days=1))])
    nobody = asked(past, subject=None)
    assert (nobody.decisions(), nobody.results("a"), nobody.labels()) == ([], [], [])


WRONG = {
    "a duration in words": ("decisions", {"since": "a month"}, "'a month' is not a duration: write a whole number"),
    "a number of days": ("labels", {"since": 30}, "history.labels(since=30): 30 is not a duration"),
    "a misspelt use case": ("decisions", {"use_case": "photo_reveiw"}, "did you mean 'photo_review'?"),
    "an unknown use case": ("labels", {"use_case": "x"}, "there is no such use case; there are: photo_review, refund"),
    "no use case's name": ("decisions", {"use_case": ""}, "give a text"),
    "an outcome that is no text": ("decisions", {"outcome": True}, "history.decisions(outcome=True): give a text"),
    "a task's function": ("results", {"task": len}, "give a text"),
    "no entries": ("decisions", {"limit": 0}, "history.decisions(limit=0): give a whole number from 1 to 1000"),
    "all entries": ("results", {"task": "a", "limit": None}, "limit=None"),
    "too many entries": ("labels", {"limit": 1001}, "from 1 to 1000"),
    "a flag": ("labels", {"limit": True}, "limit=True"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("subject", ["회원-1", None])
def test_what_is_asked_wrongly_is_said_clearly_whether_or_not_there_is_a_past(case: str, subject: str | None) -> None:
    method, arguments, words = WRONG[case]
    with pytest.raises(ValueError) as raised:
        getattr(asked(History.of(), subject=subject), method)(**arguments)
    assert words in str(raised.value)


def test_any_use_case_may_be_named_where_nobody_knows_which_there_are() -> None:
    assert History.of().decisions("whatever") == []


def test_a_past_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone"):
        PastDecision(outcome="reject", created_at=datetime(2026, 1, 1))


# In a decision

COUNT = """
from chalicelib.usecase import PastDecision

@task(fallback=None)
def before(history) -> list[PastDecision] | None:
    return history.decisions(outcome="reject")

def decide(before) -> Decision:
    return Decision(outcome=str(before if before is None else [past.created_at.day for past in before]))
"""


def with_past(engine: Engine, past: Any) -> None:
    engine.history = lambda asking, subject, now: past.asked_by(asking, subject, now)


def test_a_task_is_given_the_past_and_what_it_returns_is_a_fact(loaded, decide, engine):
    with_past(engine, History.of(rejected(ago(days=1), ago(days=3), id="a", decision={"outcome": "reject", "n": 1})))
    run = decide(loaded(COUNT))
    assert json.loads(run.decision) == {"outcome": "[22, 20]"}
    (fact,) = run.facts
    assert [past["created_at"] for past in json.loads(fact.output)] == ["2026-11-22T12:00:00Z", "2026-11-20T12:00:00Z"]
    assert json.loads(fact.output)[0]["decision"] == {"outcome": "reject", "n": 1}


def test_the_past_is_no_part_of_the_fact_key(loaded, decide, engine):
    usecase = loaded(COUNT)
    usecase = replace(usecase, fingerprints={"before": "0" * 64})
    keys = set()
    for past in (History.of(), History.of(rejected(ago(days=1)))):
        with_past(engine, past)
        keys |= {fact.key for fact in decide(usecase).facts}
    assert len(keys) == 1


def test_without_a_store_the_past_is_empty(loaded, decide):
    assert json.loads(decide(loaded(COUNT)).decision) == {"outcome": "[]"}
    assert nothing_before(Asking(), "회원-1", NOW).labels() == []


def test_a_wrong_question_fails_the_task_at_its_line(loaded, decide):
    usecase = loaded(COUNT.replace("(fallback=None)", "(timeout=5)").replace('"reject")', '"reject", since="x")'))
    run = decide(usecase)
    assert run.failure.kind == "task-failed"
    assert "'x' is not a duration" in run.failure.error["message"]
    first = usecase.graph.by_name["before"].function.__code__.co_firstlineno
    assert run.failure.error["line"] == first + 2


def test_a_store_that_does_not_answer_fails_the_task_with_a_code_of_its_own(loaded, decide, engine):
    def down() -> Any:
        raise Unavailable("the store cannot be reached", code="store-unavailable", retry_after=2)

    engine.history = lambda asking, subject, now: History(Stored(down), Asker("case", subject, now))
    run = decide(loaded(COUNT))
    assert json.loads(run.decision) == {"outcome": "None"}
    assert run.degraded == [{"task": "before", "error": "store-unavailable"}]
    failed = decide(loaded(COUNT.replace("(fallback=None)", "(timeout=5)"))).failure
    assert (failed.kind, failed.status, failed.error["error"]) == ("task-failed", 502, "store-unavailable")
    assert failed.error["message"] == "the store cannot be reached"


def test_a_task_cannot_ask_for_the_past_of_nobody(loaded):
    models = "class Request(BaseModel):\n    name: str\n\nclass Decision(BaseModel):\n    outcome: str\n"
    with pytest.raises(ContractError) as raised:
        loaded(COUNT, models=models)
    (fault,) = raised.value.faults
    assert fault.rule == "history"
    assert fault.message == "task 'before' asks for history, but Request does not say whose decision it is"
    assert "user_id: Subject" in fault.hint
    assert fault.line > 0


def test_logic_is_given_no_past(loaded):
    with pytest.raises(ContractError, match="plain step 'before' asks for 'history', which only tasks are given"):
        loaded(COUNT.replace("@task(fallback=None)\n", ""))


def test_the_subject_may_be_left_out_of_a_request(loaded, decide, engine):
    with_past(engine, History.of(rejected(ago(days=1))))
    models = """
class Request(BaseModel):
    user_id: Subject | None = None

class Decision(BaseModel):
    outcome: str
"""
    usecase = loaded(COUNT, models=models)
    assert json.loads(decide(usecase).decision) == {"outcome": "[22]"}
    assert json.loads(decide(usecase, user_id=None).decision) == {"outcome": "[]"}
