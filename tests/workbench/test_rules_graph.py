"""Arguments by name: what they may be, and what is no step and may look as it likes."""

from __future__ import annotations

from typing import Any

import pytest

BASE = "class Asked(BaseModel):\n    user_id: Subject\n    city: str\n\n\n"
ALLOWED = {
    "a field of a base class of Request": "def decide(city) -> Decision:\n    return Decision(outcome='review')",
    "the request itself": "def decide(request) -> Decision:\n    return Decision(outcome='review')",
    "the decision's time": "def decide(now) -> Decision:\n    return Decision(outcome='review')",
    "nothing": "def decide() -> Decision:\n    return Decision(outcome='review')",
    "a field and a step": "def decide(photo, faces) -> Decision:\n    return Decision(outcome='review')",
    "an annotated one": "def decide(faces: 'list[Face]') -> Decision:\n    return Decision(outcome='review')",
}
HELPERS = {
    "defaults and stars": "def helper(limit=3, *more, **others):\n    return limit",
    "names that are no step": "def helper(nothing, like, this):\n    return this",
    "a parameter's name": "def helper(faces_max):\n    return faces_max",
    "a generator": "def helper():\n    yield 1",
    "a circle": "def first(second):\n    return second\n\n\ndef second(first):\n    return first",
    "the name of a field": "def city(photo):\n    return photo",
}


def cells(sound: Any, decide: str) -> Any:
    models = sound.source("models").replace(
        "class Request(BaseModel):\n    user_id: Subject\n", "class Request(Asked):\n"
    )
    return sound(models=models.replace("class Request", BASE + "class Request"), decide=decide)


@pytest.mark.parametrize("case", ALLOWED)
def test_an_argument_may_be(case: str, project: Any, sound: Any) -> None:
    assert project.problems(cells(sound, ALLOWED[case])) == []


@pytest.mark.parametrize("case", HELPERS)
def test_a_function_that_decide_does_not_reach_may_have(case: str, project: Any, sound: Any) -> None:
    decide = ALLOWED["a field and a step"] + "\n\n\n" + HELPERS[case]
    assert project.problems(cells(sound, decide)) == []
    assert [step["name"] for step in project.entry("trial")["steps"]] == ["faces", "decide"]


@pytest.mark.parametrize("asked", ["photo_", "cities", "face"])
def test_what_is_neither_is_reported_with_the_nearest_name(asked: str, project: Any, sound: Any) -> None:
    nearest = {"photo_": "photo", "cities": "city", "face": "faces"}[asked]
    (problem,) = project.problems(
        cells(sound, f"def decide({asked}) -> Decision:\n    return Decision(outcome='review')")
    )
    assert (problem.rule, problem.cell, problem.line) == ("unknown-argument", 5, 1)
    assert f"{asked!r} of 'decide'" in problem.message
    assert problem.hint == f"did you mean {nearest!r}?"


def test_every_fault_of_the_graph_is_reported(project: Any, sound: Any) -> None:
    decide = (
        "def decide(one, two, missing, now=None) -> Decision:\n    return Decision(outcome='review')\n\n\n"
        "def one(two, models):\n    return two\n\n\n"
        "def two(one, faces_max):\n    return one"
    )
    found = project.problems(cells(sound, decide))
    assert sorted((problem.rule, problem.line) for problem in found) == [
        ("argument-form", 1),
        ("cycle", 5),
        ("given-to-tasks", 5),
        ("parameter-argument", 9),
        ("unknown-argument", 1),
    ]


def test_given_names_are_reserved_for_functions_that_decide_does_not_reach_too(project: Any, sound: Any) -> None:
    for name in ("request", "now", "models", "history"):
        (problem,) = project.problems(sound.exporting(f"'first'\n\n\ndef {name}(faces):\n    return faces"))
        assert (problem.rule, problem.cell, problem.line) == ("reserved-name", 6, 4)
        assert repr(name) in problem.message


def test_a_step_inside_another_statement_is_told_to_stand_at_the_top_level(project: Any, sound: Any) -> None:
    decide = "if True:\n    def crowded(faces):\n        return True\n\n\n" + ALLOWED["nothing"].replace(
        "()", "(crowded)"
    )
    (problem,) = project.problems(sound(decide=decide))
    assert (problem.rule, problem.cell, problem.line) == ("unknown-argument", 5, 6)
    assert problem.hint == "define 'crowded' at the top level of a cell, not inside another statement"


def test_decide_inside_another_statement_is_refused(project: Any, sound: Any) -> None:
    decide = "try:\n    def decide() -> Decision:\n        return Decision(outcome='review')\nfinally:\n    pass"
    (problem,) = project.problems(sound(decide=decide))
    assert (problem.rule, problem.cell, problem.line) == ("decide-missing", 5, 2)
    assert problem.hint
