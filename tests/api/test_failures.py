"""What goes wrong inside a use case: which problem the caller gets, and what is recorded of it."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from api_client import InProcess, MakeApi, stored
from api_trouble import SECRET, TROUBLE

NOTEBOOK = "usecases/trouble.ipynb"
HELPERS, STEPS = 2, 4  # the cells, counted from 1


def line_of(cell: int, text: str) -> int:
    """The 1-based line of a cell that holds ``text``."""
    return next(number for number, line in enumerate(TROUBLE[cell - 1][1].split("\n"), 1) if text in line)


def decide(api: InProcess, mode: str) -> Any:
    return api.decide("trouble", {"user_id": "u-1", "mode": mode})


def failed(api: InProcess, mode: str, status: int, code: str, step: str) -> dict[str, Any]:
    """The problem, after checking that it tells the step and no more, and what is stored and read of it."""
    reply = decide(api, mode)
    problem = reply.problem(status, code)
    assert (problem["step"], problem.get("notebook", NOTEBOOK)) == (step, NOTEBOOK)
    assert SECRET not in reply.content.decode()
    row, facts = stored(api.database, problem["decision_id"])
    assert (row["status"], row["decision"], row["outcome"]) == ("failed", None, None)
    assert "seen" in [fact["task"] for fact in facts]
    envelope = api.get(f"/v1/decisions/{problem['decision_id']}").json
    assert (envelope["status"], envelope["decision"]) == ("failed", None)
    assert (envelope["failure"]["kind"], envelope["failure"]["step"]) == (code, step)
    return problem


BREAKS = ["raises", "exits", "interrupts", "leaves", "recurses", "is-speechless", "says-half-a-character"]


@pytest.mark.parametrize("how", [how for how in BREAKS if how != "interrupts"])
@pytest.mark.parametrize("step", ["logic", "decide"])
def test_logic_that_breaks_is_a_500_that_names_its_place(api: InProcess, step: str, how: str) -> None:
    """Whatever it raises: also what is no Exception, has no text, or a text that UTF-8 cannot hold."""
    problem = failed(api, f"{step}-{how}", 500, "step-failed", step)
    assert problem["cell"] == HELPERS
    assert problem["line"] > line_of(HELPERS, "def misbehave")
    assert step in problem["detail"]


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("task", ["needed", "brief"])
def test_a_task_that_breaks_without_a_fallback_is_a_502(make_api: MakeApi, task: str, how: str) -> None:
    problem = failed(make_api(deadline=2.0), f"{task}-{how}", 502, "task-failed", task)
    assert problem["cell"] == HELPERS


@pytest.mark.parametrize("how", [*BREAKS, "naps"])
def test_a_task_that_breaks_or_is_late_falls_back_and_says_so(api: InProcess, how: str) -> None:
    made = decide(api, f"shaky-{how}")
    assert made.status == 200
    error = "timeout" if how == "naps" else "failed"
    assert made.json["degraded"] == [{"task": "shaky", "error": error}]
    assert made.json["decision"]["shaky"] is None
    _, facts = stored(api.database, made.json["id"])
    (fact,) = (fact for fact in facts if fact["task"] == "shaky")
    assert (fact["fallback_used"], fact["output"], json.loads(fact["error"])["error"]) == (1, "null", error)
    assert api.get(made.headers["location"]).json == made.json


def test_nothing_is_degraded_when_all_went_well(api: InProcess) -> None:
    made = decide(api, "")
    assert made.json["degraded"] == []
    assert made.json["decision"]["shaky"] == 1
    assert "failure" not in made.json


def test_a_place_is_the_very_line_that_raised(api: InProcess) -> None:
    problem = failed(api, "logic-exits", 500, "step-failed", "logic")
    assert problem["line"] == line_of(HELPERS, "raise SystemExit")


@pytest.mark.parametrize("task", ["brief", "needed"])
def test_a_late_task_is_a_504_that_names_it(make_api: MakeApi, task: str) -> None:
    """``brief`` has a timeout of its own; ``needed`` has what the request leaves."""
    problem = failed(make_api(deadline=0.8), f"{task}-naps", 504, "task-timeout", task)
    assert task in problem["detail"]


@pytest.mark.parametrize("what", ["lies", "says-nan", "says-nul", "says-nothing"])
def test_a_result_that_does_not_fit_its_annotation_is_a_502(api: InProcess, what: str) -> None:
    failed(api, f"needed-{what}", 502, "task-failed", "needed")


@pytest.mark.parametrize("step", ["logic", "decide"])
def test_logic_that_outlasts_the_deadline_is_a_504(make_api: MakeApi, step: str) -> None:
    """It cannot be interrupted; but what comes too late is no decision."""
    failed(make_api(deadline=0.8), f"{step}-naps", 504, "deadline", "decide")


@pytest.mark.parametrize("what", ["nonsense", "none", "infinite", "divides"])
def test_a_decision_that_is_none_is_a_500(api: InProcess, what: str) -> None:
    """Not one of the outcomes; no Decision at all; a number that is not finite; a computed field that raises."""
    failed(api, f"decide-{what}", 500, "invalid-decision", "decide")


@pytest.mark.parametrize("mode", ["logic-raises", "logic-exits", "logic-leaves", "decide-raises", "decide-exits"])
def test_a_failed_decision_shows_in_its_trace_what_was_found_before(api: InProcess, mode: str) -> None:
    problem = decide(api, mode).problem(500, "step-failed")
    traced = api.get(f"/v1/decisions/{problem['decision_id']}", {"include": ["trace"]})
    assert traced.status == 200
    steps = {entry["step"]: entry for entry in traced.json["trace"]["steps"]}
    assert steps["seen"]["result"] == "before the trouble"
    assert steps[problem["step"]]["error"]["line"] == problem["line"]


@pytest.mark.parametrize("what", ["nonsense", "none", "infinite", "divides"])
def test_a_decision_that_is_none_still_has_a_trace(api: InProcess, what: str) -> None:
    reply = decide(api, f"decide-{what}")
    assert reply.json["type"].endswith("invalid-decision")
    assert api.get(f"/v1/decisions/{reply.json['decision_id']}", {"include": ["trace"]}).status == 200


@pytest.mark.parametrize("value", ["infinite", "nan", "half-a-character", "keys", "mixed-set", "generator"])
def test_whatever_logic_passes_on_the_decision_can_be_traced(api: InProcess, value: str) -> None:
    """Results of plain steps are never recorded, so they need not be JSON; showing them must not fail."""
    made = decide(api, f"odd-{value}")
    assert made.status == 200
    reply = api.get(made.headers["location"], {"include": ["trace"]})
    assert reply.status == 200
    steps = {step["step"]: step for step in reply.json["trace"]["steps"]}
    assert steps["odd"].get("error") is None
    assert steps["decide"]["result"] == made.json["decision"]


def test_an_exception_is_in_the_log_and_not_in_the_problem(api: InProcess, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        problem = decide(api, "logic-raises").problem(500, "step-failed")
    assert SECRET in caplog.text
    assert problem["decision_id"] in caplog.text


class Broken:
    """A store with a bug."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(SECRET)


def test_an_unexpected_error_is_a_500_whose_id_is_in_the_log(api: InProcess, caplog: pytest.LogCaptureFixture) -> None:
    api.service.store = Broken
    reply = decide(api, "")
    problem = reply.problem(500, "internal")
    assert problem["error_id"] in caplog.text
    assert "RuntimeError" in caplog.text
    assert problem.keys() == {"type", "title", "status", "detail", "error_id"}
    for inner in (SECRET, "RuntimeError", "Traceback", "api_notebooks", "sqlite", "/"):
        assert inner not in problem["detail"], inner
    assert SECRET not in reply.content.decode()
    again = decide(api, "").problem(500, "internal")
    assert again["error_id"] != problem["error_id"]


def test_one_failure_does_not_colour_the_next_decision(api: InProcess) -> None:
    decide(api, "logic-raises").problem(500, "step-failed")
    assert decide(api, "").status == 200
    assert api.rows()[0] == 2
