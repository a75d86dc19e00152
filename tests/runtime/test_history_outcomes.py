"""How often which outcome was decided about many subjects: made by hand, and asked for in a wrong way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.asking import Asking
from chalicelib.usecase import History, PastDecision

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def past(subject: str, outcome: str | None, days: float = 1, **changes: Any) -> PastDecision:
    return PastDecision(
        subject=subject, outcome=outcome, created_at=NOW - timedelta(days=days), use_case="photo_review", **changes
    )


def asked(*decisions: PastDecision, decision_id: str = "") -> History:
    asking = Asking(use_case="match", decision_id=decision_id)
    return History.of(decisions).asked_by(asking, "회원-1", NOW, {"photo_review", "match"})


def test_each_subjects_outcomes_are_counted_in_the_order_asked_for() -> None:
    history = asked(past("나", "reject"), past("가", "approve"), past("가", "approve", 2), past("가", "reject"))
    found = history.outcomes(["나", "가", "다", "나"], "photo_review")
    assert found == {"나": {"reject": 1}, "가": {"approve": 2, "reject": 1}}
    assert list(found) == ["나", "가"] and list(found["가"]) == ["approve", "reject"]


def test_a_past_without_a_subject_is_the_requests_own() -> None:
    history = asked(past("", "approve"), past("가", "reject"))
    assert history.outcomes(["회원-1"], "photo_review") == {"회원-1": {"approve": 1}}
    assert [one.outcome for one in history.decisions("photo_review")] == ["approve"]


def test_what_is_too_old_has_no_outcome_or_is_the_asking_decision_does_not_count() -> None:
    history = asked(
        past("가", "approve", 31), past("가", None), past("가", "approve", 0), past("가", "reject", id="d-1"),
        decision_id="d-1",
    )  # fmt: skip
    assert history.outcomes(["가"], "photo_review") == {}
    assert history.outcomes(["가"], "photo_review", since="32d") == {"가": {"approve": 1}}
    assert history.outcomes(["가"]) == {}  # of the asking use case there is nothing


@pytest.mark.parametrize(
    ("subjects", "changes", "said"),
    [
        ("m-1", {}, "give a list of texts"),
        ([1], {}, "give a list of texts"),
        ([f"m-{number}" for number in range(1001)], {}, "1001 subjects are given; 1000 are the most"),
        (["m-1"], {"use_case": "foto_review"}, "did you mean 'photo_review'"),
        (["m-1"], {"since": "a month"}, "since='a month'"),
    ],
    ids=["text", "number", "many", "use-case", "since"],
)
def test_a_wrong_question_is_told_what_is_wrong(subjects: Any, changes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r"history\.outcomes") as refused:
        asked().outcomes(subjects, **changes)
    assert said in str(refused.value)


def test_nobody_is_asked_about_nobody() -> None:
    assert asked(past("가", "approve")).outcomes([], "photo_review") == {}
