"""All problems at once: what the text shows and what loading finds, each defect once and at its place."""

from __future__ import annotations

from typing import Any

import pytest


def places(project: Any, cells: Any) -> list[tuple[str, int, int]]:
    return [(problem.rule, problem.cell, problem.line) for problem in project.problems(cells)]


STATIC = {  # a defect that the text shows -> where
    "a name that is missing": ("def helper():\n    return missing", ("closure", 6, 2)),
    "a name that is missing on load": ("LIMIT = missing", ("closure", 6, 1)),
    "a star import": ("from math import *", ("star-import", 6, 1)),
    "a parameter rebound": ("faces_max = 2", ("rebinding", 6, 1)),
}


@pytest.mark.parametrize("case", STATIC)
def test_a_default_that_does_not_fit_is_reported_beside_it(case: str, project: Any, sound: Any) -> None:
    source, place = STATIC[case]
    cells = sound.exporting(source)
    cells[2]["source"] = "faces_max: int = 'one'"
    assert places(project, cells) == [("parameters", 3, 1), place]


@pytest.mark.parametrize("case", [case for case in STATIC if not case.endswith("on load")])
def test_a_result_that_cannot_be_recorded_is_reported_beside_it(case: str, project: Any, sound: Any) -> None:
    source, place = STATIC[case]
    cells = sound.exporting(source)
    cells[3]["source"] = sound.source("tasks").replace("list[Face]", "set[str]")
    assert places(project, cells) == [("fact", 4, 1), place]


@pytest.mark.parametrize(
    "source",
    [
        "LIMIT = missing",
        "class Limits(BaseModel):\n    most: missing",
        'def helper() -> "missing":\n    return 1',
        "def limit():\n    return missing\n\n\nLIMIT = limit()",
    ],
)
def test_a_missing_name_is_reported_once(source: str, project: Any, sound: Any) -> None:
    assert [rule for rule, _, _ in places(project, sound.exporting(source))] == ["closure"]


@pytest.mark.parametrize("returns", ["missing", '"missing"', '"list[missing]"', "missing | None"])
def test_a_missing_type_is_reported_once(returns: str, project: Any, sound: Any) -> None:
    tasks = sound.source("tasks").replace("list[Face]", returns)
    assert [rule for rule, _, _ in places(project, sound(tasks=tasks))] == ["closure"]


@pytest.mark.parametrize("returns", ["", " -> Any", " -> object"])
def test_a_missing_return_annotation_is_reported_once(returns: str, project: Any, sound: Any) -> None:
    models = "from typing import Any\n" + sound.source("models")
    tasks = sound.source("tasks").replace(" -> list[Face]", returns)
    assert places(project, sound(models=models, tasks=tasks)) == [("fact", 4, 2)]


@pytest.mark.parametrize("name", ["Request", "Decision"])
def test_a_model_that_is_not_exported_is_reported_once(name: str, project: Any, sound: Any) -> None:
    models = sound.source("models").replace(f"class {name}(", f"class Other{name}(")
    decide = sound.source("decide").replace("-> Decision", "").replace("return Decision(", "return dict(")
    found = places(project, sound(models=models, decide=decide))
    assert ("required", 0, 0) in found
    assert "model-missing" not in [rule for rule, _, _ in found]


def test_what_is_raised_on_load_is_reported_beside_a_missing_name_elsewhere(project: Any, sound: Any) -> None:
    cells = sound.exporting("def helper():\n    return missing", "LIMIT = 1 / 0")
    assert places(project, cells) == [("closure", 6, 2), ("load", 7, 1)]


def test_code_with_a_syntax_error_is_not_loaded(project: Any, sound: Any, tmp_path: Any) -> None:
    ran = tmp_path / "ran"
    cells = sound.exporting(f"open({str(ran)!r}, 'w').close()", "def helper(:")
    assert places(project, cells) == [("syntax", 7, 1)]
    assert not ran.exists()


@pytest.mark.parametrize("terms", [900, 4000, 9000])
def test_however_deep_an_expression_is_the_others_are_built(terms: int, project: Any, sound: Any) -> None:
    project.notebook("other", sound())
    project.problems(sound.exporting("NOTE = " + " + ".join(["1"] * terms)))
    assert project.module("other").exists()
