"""Answers that were paid for are used again: across use cases and processes, item by item, and never for long."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.errors import DecisionFailed
from chalicelib.questions import Question, digest


def test_without_leave_every_call_is_paid(deciding: Any) -> None:
    one = deciding()
    one.decide("similar", "사과")
    one.decide("similar", "사과")
    assert one.asked == [["사과"], ["사과"]]


def test_another_use_case_takes_what_was_paid_for_and_says_from_which_decision(deciding: Any) -> None:
    one = deciding(reuse="30d")
    first = one.decide("similar", "사과", "배")
    second = one.decide("ranking", "사과", "배")
    assert one.asked == [["사과", "배"]]
    (call,) = one.calls(second)
    assert (call["reused_from"], call["items"], call["provider"], call["version"]) == (first["id"], 2, "one", "1")
    assert second["decision"] == first["decision"]


def test_one_changed_item_of_many_is_all_that_is_paid_for(deciding: Any) -> None:
    one = deciding(reuse="30d")
    texts = [f"text {number}" for number in range(500)]
    first = one.decide("similar", *texts)
    second = one.decide("similar", *texts[:250], "a new one", *texts[251:])
    assert one.asked[1:] == [["a new one"]]
    reused, paid = sorted(one.calls(second), key=lambda call: "reused_from" not in call)
    assert (reused["items"], reused["reused_from"], reused["units"]) == (499, first["id"], 499)
    assert "reused_from" not in paid and "items" not in paid  # one item, paid


def test_it_is_taken_from_the_decision_that_paid_not_from_one_that_took_it(deciding: Any) -> None:
    one = deciding(reuse="30d")
    first = one.decide("similar", "a")
    one.decide("similar", "a")
    assert one.calls(one.decide("similar", "a"))[0]["reused_from"] == first["id"]


def test_another_process_takes_it_too(deciding: Any) -> None:
    first = deciding(reuse="30d").decide("similar", "a")
    other = deciding(reuse="30d")
    second = other.decide("similar", "a")
    assert other.asked == [] and other.calls(second)[0]["reused_from"] == first["id"]


def test_what_is_older_than_allowed_is_paid_again(deciding: Any) -> None:
    one = deciding(reuse="1s")
    one.decide("similar", "a")
    time.sleep(1.2)
    one.decide("similar", "a")
    assert one.asked == [["a"], ["a"]]


def test_a_task_may_refuse_what_its_stage_allows_and_allow_what_it_does_not(deciding: Any) -> None:
    generous = deciding(reuse="30d")
    generous.decide("similar", "a")
    generous.decide("fresh", "a")
    assert generous.asked == [["a"], ["a"]]
    silent = deciding()
    silent.decide("patient", "b")
    silent.decide("patient", "b")
    assert silent.asked == [["b"]]


def test_a_failure_is_never_used_again(deciding: Any) -> None:
    one = deciding(reuse="30d")
    one.providers["one"].error = "server-error"
    with pytest.raises(DecisionFailed):
        one.decide("similar", "a")
    one.providers["one"].error = ""
    one.decide("similar", "a")
    assert one.asked == [["a"], ["a"]]


def test_an_answer_under_other_settings_of_the_provider_is_another(deciding: Any) -> None:
    deciding(reuse="30d", settings={"one": {"dimensions": 512, "timeout": 5}}).decide("similar", "a")
    other = deciding(reuse="30d", settings={"one": {"dimensions": 256, "timeout": 5}})
    other.decide("similar", "a")
    assert other.asked == [["a"]]
    patient = deciding(reuse="30d", settings={"one": {"dimensions": 512, "timeout": 9}})
    patient.decide("similar", "a")
    assert patient.asked == []  # how long it may take changes no answer


def test_a_new_version_is_asked_for_everything_again(deciding: Any) -> None:
    one = deciding(reuse="30d")
    one.decide("similar", "a")
    one.providers["one"].version = "2"
    one.decide("similar", "b")  # here it is seen
    one.decide("similar", "a")
    assert one.asked == [["a"], ["b"], ["a"]]


def test_a_list_is_of_one_version_even_where_the_model_changes_in_the_middle_of_it(deciding: Any) -> None:
    one = deciding(reuse="30d")
    one.decide("similar", "a", "b")
    one.providers["one"].version = "2"
    one.decide("similar", "a", "b", "c")
    assert one.asked == [["a", "b"], ["c"], ["a", "b"]]


def test_the_first_decision_of_a_new_process_takes_all_that_is_stored(deciding: Any) -> None:
    """Its tasks ask at once, and each waits until what is stored has been read."""
    deciding(reuse="30d").decide("similar", "a")
    other = deciding(reuse="30d")
    store, reading, read = other.service.store(), threading.Event(), other.service.store().last_seen

    def slow() -> Any:
        reading.set()
        time.sleep(0.3)
        return read()

    store.last_seen = slow
    identity, question = other.service.identity, Question("embedding", ("a",))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(identity.last, question, "one")
        assert reading.wait(20)
        assert identity.last(question, "one") is not None
        assert first.result(20) is not None


def test_a_stored_answer_of_another_form_is_asked_for_anew(deciding: Any) -> None:
    one = deciding(reuse="30d")
    one.decide("similar", "a")
    with one.service.store().database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE paid_answers SET result = '{\"vector\": 1}'")
    one.decide("similar", "a")
    assert one.asked == [["a"], ["a"]]


def test_an_age_longer_than_time_is_no_error(deciding: Any) -> None:
    one = deciding(reuse="999999d")
    one.decide("similar", "a")
    one.decide("similar", "a")
    assert one.asked == [["a"]]


def test_a_photo_in_a_bucket_without_versions_is_looked_at_again() -> None:
    photo = type("P", (), {"digest": "s3-etag:1"})()
    assert Question("faces", (photo,)).is_fleeting
    photo.digest = "s3-version:1"
    assert not Question("faces", (photo,)).is_fleeting


def test_parameters_of_a_query_are_told_apart_by_their_types() -> None:
    values = [date(2026, 1, 1), "2026-01-01", Decimal("1"), "1", 1, 1.5, b"\xff", True, None, [date(2026, 1, 1)]]
    digests = {digest("query", ("SELECT @a", {"a": value})) for value in values}
    assert len(digests) == len(values)


def test_only_the_pinned_version_is_used_again(deciding: Any) -> None:
    one = deciding(reuse="30d")
    one.decide("similar", "a")
    pinned = deciding(reuse="30d", pin={"embedding": "2"})
    pinned.providers["one"].version = "2"
    pinned.decide("similar", "a")
    assert pinned.asked == [["a"]]
    back = deciding(reuse="30d", pin={"embedding": "1"})
    back.decide("similar", "a")
    assert back.asked == []  # the pinned one's answers count, though another was seen since


def test_the_same_asked_at_once_by_two_decisions_is_stored_once_and_both_are_answered(deciding: Any) -> None:
    one = deciding(reuse="30d")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: one.decide("similar", "a", "b"), range(16)))
    assert all(decision["decision"]["outcome"] == "short" for decision in made)
    calls = [call for decision in made for call in one.calls(decision)]
    assert len([call for call in calls if not call.get("shared") and "reused_from" not in call]) == len(one.asked)


def test_a_stored_answer_is_gone_with_the_decision_that_paid_for_it(deciding: Any) -> None:
    one = deciding(reuse="30d")
    first = one.decide("similar", "a")
    store = one.service.store()
    with store.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM decisions WHERE id = ?", (first["id"],))
    one.decide("similar", "a")
    assert one.asked == [["a"], ["a"]]
