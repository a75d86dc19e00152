"""Which models answered, and that a change is seen, logged and listed once."""

from __future__ import annotations

import logging
from itertools import permutations
from typing import Any

import pytest

from chalicelib.asking import ANY_TIME, Answer, Call
from chalicelib.calling.identity import Identity
from chalicelib.questions import Question
from chalicelib.run import Fact


def changes(deciding: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = deciding.service.models()["changes"]
    return found


def test_a_model_is_listed_before_it_ever_answered_and_after(deciding: Any) -> None:
    one = deciding()
    (entry,) = one.service.models()["models"]
    assert (entry["capability"], entry["provider"], entry["order"], entry["version"]) == ("embedding", "one", 1, None)
    one.decide("similar", "a")
    (entry,) = one.service.models()["models"]
    assert (entry["model"], entry["version"], entry["pinned"]) == ("lengths", "1", None)
    assert changes(one) == []


def test_a_changed_version_is_logged_and_listed_with_the_decision_that_saw_it(
    deciding: Any, caplog: pytest.LogCaptureFixture
) -> None:
    one = deciding()
    one.decide("similar", "a")
    one.providers["one"].version = "2"
    with caplog.at_level(logging.WARNING, "artemis"):
        seen = one.decide("similar", "a")
        one.decide("similar", "a")
    said = [record.getMessage() for record in caplog.records if "model_changed" in record.getMessage()]
    assert said == ["model_changed: embedding by one: lengths 1 -> lengths 2"]
    (change,) = changes(one)
    assert (change["event"], change["from"], change["to"]) == ("model_changed", "lengths 1", "lengths 2")
    assert change["decision_id"] == seen["id"]


def test_it_is_seen_against_what_another_process_stored(deciding: Any) -> None:
    deciding().decide("similar", "a")
    other = deciding()
    other.providers["one"].version = "2"
    other.decide("similar", "a")
    assert [change["to"] for change in changes(other)] == ["lengths 2"]


def test_two_processes_that_see_the_same_change_list_it_once_and_a_change_back_again(deciding: Any) -> None:
    one, two = deciding(), deciding()
    one.decide("similar", "a")
    two.decide("similar", "a")
    for version in ("2", "1"):
        for process in (one, two):
            process.providers["one"].version = version
            process.decide("similar", "a")
    assert [change["to"] for change in changes(one)] == ["lengths 1", "lengths 2"]


def test_versions_that_answer_by_turns_are_not_a_change_each_time(deciding: Any) -> None:
    """An endpoint that splits its traffic between two variants."""
    one = deciding()
    for number in range(40):
        one.providers["one"].version = str(number % 2)
        one.decide("similar", "a")
    assert 2 <= len(changes(one)) <= 8


def test_a_sighting_is_not_lost_with_a_decision_that_could_not_be_stored(deciding: Any) -> None:
    one = deciding()
    one.decide("similar", "a")
    one.providers["one"].version = "2"
    store, save = one.service.store(), one.service.store().save

    def down(*rows: Any) -> None:
        raise RuntimeError("the disk is full")

    store.save = down
    with pytest.raises(RuntimeError):
        one.decide("similar", "a")
    store.save = save
    one.decide("similar", "b")
    assert [change["to"] for change in changes(one)] == ["lengths 2"]


def test_a_mismatch_with_the_pin_degrades_as_declared_and_the_change_is_listed(deciding: Any) -> None:
    one = deciding(pin={"embedding": "1"})
    one.decide("similar", "a")
    one.providers["one"].version = "2"
    made = one.decide("falling_back", "a")
    assert made["degraded"] == [{"task": "vectors", "error": "model-mismatch"}]
    (entry,) = one.service.models()["models"]
    assert (entry["version"], entry["pinned"], entry["as_pinned"]) == ("2", "1", False)
    assert [change["to"] for change in changes(one)] == ["lengths 2"]


def test_another_provider_in_its_place_is_told_in_degraded_and_in_the_trace(deciding: Any) -> None:
    one = deciding(chain=["one", "two"])
    one.providers["one"].error = "throttled"
    made = one.decide("similar", "a")
    stand_in = {"capability": "embedding", "provider": "one", "answered_by": "two"}
    assert made["degraded"] == [{"task": "vectors", "error": "throttled", **stand_in}]
    assert [(call["provider"], call.get("error")) for call in one.calls(made)] == [("one", "throttled"), ("two", None)]


def test_a_stand_in_is_told_though_the_first_answers_the_next_question_of_the_task() -> None:
    def call(provider: str, error: str | None = None) -> Call:
        return Call("text", provider, "m", "1", 1.0, error=error)

    fact = Fact("text", "", "[]", None, False, [call("one", "timeout"), call("two"), call("one")])
    assert [(failed.provider, other.provider) for failed, other in fact.stand_ins] == [("one", "two")]
    retried = Fact("text", "", "[]", None, False, [call("one", "failed"), call("one")])
    assert retried.stand_ins == []


def test_whatever_is_seen_first_it_is_stored_in_one_order() -> None:
    """Else two processes that begin at the same time wait for each other in PostgreSQL."""
    questions = [Question("predict", (), "match"), Question("predict", (), "age"), Question("text", ())]
    orders = []
    for seen in permutations(questions):
        identity = Identity(Stored)
        for question in seen:
            identity.note(question, "cloud", Answer([[1.0]], "model", "1"), ANY_TIME)
        orders.append([one.key for one in identity.unsaved()])
    assert orders == [sorted(orders[0])] * 6


class Stored:
    """A store that knows no version of any model yet."""

    def last_seen(self) -> dict[tuple[str, str, str], tuple[int, str, str]]:
        return {}
