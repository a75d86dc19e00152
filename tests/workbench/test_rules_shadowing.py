"""A name means one thing; tags that nobody knows are mentioned, and metrics come from one cell."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.build import build
from workbench.check import check

# What an exported cell 6 holds -> the word that the message is about
SHADOWED = {
    "a function defined again": ("def crowded(faces: list[Face]) -> bool:\n    return False", "'crowded'"),
    "a loop at module level": ("for crowded in [1, 2]:\n    pass", "'crowded'"),
    "a variable at module level": ("crowded = 1", "'crowded'"),
    "an import of its name": ("from statistics import mean as crowded", "'crowded'"),
    "a class of its name": ("class crowded:\n    pass", "'crowded'"),
    "a comprehension outside of functions": ("ALL = [crowded for crowded in [1, 2]]", "'crowded'"),
    "a parameter in such a comprehension": ("ALL = {faces_max for faces_max in [1, 2]}", "'faces_max'"),
    "a local variable of a parameter's name": (
        "def share(count: int) -> float:\n    faces_max = 3\n    return count / faces_max",
        "'faces_max'",
    ),
    "a loop over it in a function": (
        "def most() -> int:\n    for faces_max in [1, 2]:\n        pass\n    return faces_max",
        "'faces_max'",
    ),
    "a helper's argument of a parameter's name": ("def over(faces_max: int) -> bool:\n    return True", "'faces_max'"),
    "a builtin's name": ("def filter(rows):\n    return rows", "'filter'"),
    "a builtin's name for a value": ("id = 3", "'id'"),
}
CLEAR = {
    "a local variable of a step's name": "def share() -> int:\n    crowded = 3\n    return crowded",
    "an argument of a step's name": "def share(crowded: bool) -> bool:\n    return crowded",
    "an argument given another value": "def share(count: int) -> int:\n    count = count or 1\n    return count",
    "a field of a parameter's name": "class Limits(BaseModel):\n    faces_max: int = 3",
    "a keyword of a parameter's name": "LIMITS = dict(faces_max=3)",
    "an attribute of a parameter's name": "class Limits:\n    pass\nLimits.faces_max = 3",
    "a method of a builtin's name": "class Limits:\n    def filter(self):\n        return 1",
    "an import of a builtin's name": "from math import pow",
    "one of two definitions": "if faces_max > 2:\n    def few(): return 1\nelse:\n    def few(): return 2",
    "an overload": (
        "from typing import overload\n@overload\ndef few(a: int) -> int: ...\n@overload\ndef few(a: str) -> str: ...\n"
        "def few(a):\n    return a"
    ),
}
KNOWN_TAGS = [
    "nbval-ignore-output",
    "raises-exception",
    "skip-execution",
    "hide-input",
    "remove_cell",
    "papermill-error",
]


def shadowing(project: Any, cells: Any) -> list[Any]:
    project.notebook("trial", cells)
    return [problem for problem in build(project).problems if problem.rule == "shadowing"]


@pytest.mark.parametrize("case", SHADOWED)
def test_a_name_with_a_second_meaning_is_reported(case: str, project: Any, sound: Any) -> None:
    source, name = SHADOWED[case]
    (problem,) = shadowing(project, sound.exporting(source))
    assert (problem.cell, problem.severity) == (6, "warning")
    assert name in problem.message
    assert problem.code[problem.column - 1 :]


@pytest.mark.parametrize("case", CLEAR)
def test_a_name_that_misleads_nobody_is_not(case: str, project: Any, sound: Any) -> None:
    assert shadowing(project, sound.exporting(CLEAR[case])) == []


@pytest.mark.parametrize("source", ["faces_max = 3", "def faces_max():\n    return 3"])
def test_a_parameter_that_is_rebound_is_reported_once(source: str, project: Any, sound: Any) -> None:
    project.notebook("trial", sound.exporting(source))
    about = [problem.rule for problem in build(project).problems if "'faces_max'" in problem.message]
    assert about == ["rebinding"]


def test_a_step_that_asks_for_a_parameter_is_reported_once(project: Any, sound: Any) -> None:
    decide = sound.source("decide").replace("crowded(faces: list[Face])", "crowded(faces: list[Face], faces_max: int)")
    project.notebook("trial", sound(decide=decide))
    assert [problem.rule for problem in build(project).problems] == ["parameter-argument"]


def found(project: Any, cells: Any) -> list[tuple[str, int, str]]:
    project.notebook("trial", cells)
    return [(problem.rule, problem.cell, problem.severity) for problem in check(project) if problem.rule != "never-run"]


@pytest.mark.parametrize("tag", ["wip", "to do", "validate"])
def test_a_tag_that_nobody_knows_is_mentioned(tag: str, project: Any, sound: Any, cell: Any) -> None:
    assert found(project, sound(cell("1", tag, name="more"))) == [("unknown-tag", 6, "info")]


@pytest.mark.parametrize("tag", KNOWN_TAGS)
def test_tags_of_known_tools_pass(tag: str, project: Any, sound: Any, cell: Any) -> None:
    assert found(project, sound(cell("1", tag, name="more"))) == []


def test_a_near_miss_is_reported_as_such_only(project: Any, sound: Any, cell: Any) -> None:
    assert found(project, sound(cell("1", "exprot", name="more"))) == [("tags", 6, "error")]


METRICS = {
    "a dict": ("{'approved': 0.93}", []),
    "a name": ("numbers = {'approved': 1}\nnumbers", []),
    "an assignment": ("numbers = {'approved': 1}", [("metrics", 6, "error")]),
    "a value that is not shown": ("{'approved': 1};", [("metrics", 6, "error")]),
    "nothing": ("", [("metrics", 6, "error")]),
}


@pytest.mark.parametrize("case", METRICS)
def test_a_metrics_cell_ends_in_an_expression(case: str, project: Any, sound: Any, cell: Any) -> None:
    source, expected = METRICS[case]
    assert found(project, sound(cell(source, "metrics", name="metrics"))) == expected


def test_there_is_one_metrics_cell_and_it_is_code(project: Any, sound: Any, cell: Any) -> None:
    cells = sound(cell("{'a': 1}", "metrics", name="one"), cell("{'b': 1}", "metrics", name="two"))
    assert found(project, cells) == [("metrics", 7, "error")]
    marked = sound()
    marked[0]["metadata"] = {"tags": ["metrics"]}
    assert found(project, marked) == [("metrics", 1, "error")]


def test_a_metrics_cell_is_not_exported(project: Any, sound: Any, cell: Any) -> None:
    assert ("metrics", 6, "error") in found(project, sound(cell("{'a': 1}", "metrics", "export", name="one")))
