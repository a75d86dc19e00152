"""Each broken notebook has one defect, which is reported at its place, with cause and hint, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from workbench.problems import Problem

FOLDER = Path(__file__).parents[1] / "notebooks"
GOOD = sorted(path.stem for path in (FOLDER / "good").glob("*.ipynb"))
WHOLE = 0  # a problem of the whole notebook: it has no cell to name
SOMEWHERE = -1  # any line of the cell

# (rule, cell, line) of every problem; a rule of a cell's tags has line 0
BROKEN: dict[str, list[tuple[str, int, int]]] = {
    "not_json": [("notebook", WHOLE, 0)],
    "truncated": [("notebook", WHOLE, 0)],
    "merge_conflict": [("notebook", WHOLE, 0)],
    "json_but_no_notebook": [("notebook", WHOLE, 0)],
    "not_utf8": [("notebook", WHOLE, 0)],
    "old_nbformat": [("notebook", WHOLE, 0)],
    "no_cells": [("notebook", WHOLE, 0)],
    "other_language": [("notebook", WHOLE, 0)],
    "duplicate_tags": [("tags", 5, 0)],
    "near_miss_tag": [("tags", 6, 0)],
    "export_and_parameters": [("tags", 3, 0)],
    "markdown_exported": [("tags", 1, 0)],
    "line_magic": [("magic", 5, 11)],
    "shell_command": [("magic", 2, 1)],
    "cell_magic": [("magic", 4, 1)],
    "shell_assignment": [("magic", 5, 1)],
    "no_parameters_cell": [("one-parameters-cell", WHOLE, 0)],
    "two_parameters_cells": [("one-parameters-cell", 6, 0)],
    "parameter_unannotated": [("parameter-form", 3, 2)],
    "parameter_without_value": [("parameter-form", 3, 2)],
    "parameter_computed": [("parameter-form", 3, 2)],
    "parameter_not_json": [("parameter-form", 3, 2)],
    "parameter_not_finite": [("parameter-form", 3, 2)],
    "parameter_statement": [("parameter-form", 3, 2)],
    "parameter_misfit": [("parameters", 3, 2)],
    "request_missing": [("required", WHOLE, 0)],
    "decision_missing": [("required", WHOLE, 0)],
    "decide_missing": [("required", WHOLE, 0)],
    "decide_unexported": [("required", WHOLE, 0)],
    "request_no_model": [("model-missing", 2, 9)],
    "decide_no_function": [("decide-missing", 5, 6)],
    "unknown_argument": [("unknown-argument", 5, 6)],
    "imported_as_argument": [("unknown-argument", 5, 6)],
    "cycle": [("cycle", 5, 1)],
    "field_and_step": [("name-clash", 5, 11)],
    "reserved_step": [("reserved-name", 5, 11)],
    "reserved_field": [("reserved-name", 2, 12)],
    "reserved_parameter": [("reserved-name", 3, 2)],
    "argument_default": [("argument-form", 5, 1)],
    "argument_star": [("argument-form", 5, 1)],
    "argument_double_star": [("argument-form", 5, 1)],
    "argument_positional_only": [("argument-form", 5, 1)],
    "argument_keyword_only": [("argument-form", 5, 1)],
    "parameter_as_argument": [("parameter-argument", 5, 1)],
    "step_asks_for_models": [("given-to-tasks", 5, 1)],
    "history_without_subject": [("history", 4, 1)],
    "task_called": [("task-called", 5, 3)],
    "star_import": [("star-import", 2, 2)],
    "late_future": [("future-import", 4, 1)],
    "async_step": [("plain-function", 5, 1)],
    "generator_step": [("plain-function", 5, 1)],
    "decide_is_task": [("decide-task", 5, 6)],
    "decide_returns_other": [("decide-returns", 5, 6)],
    "two_subjects": [("subject", 2, SOMEWHERE)],
    "syntax_error": [("syntax", 5, 6)],
    "unclosed_string": [("syntax", 4, 7), ("syntax", 5, 1)],
    "unclosed_bracket": [("syntax", 4, 7)],
    "top_level_return": [("syntax", 5, 11)],
    "top_level_await": [("syntax", 5, 11)],
    "fails_on_load": [("load", 5, 11)],
    "fact_unannotated": [("fact", 4, 2)],
    "fact_any": [("fact", 4, 2)],
    "fact_object": [("fact", 4, 2)],
    "fact_set": [("fact", 4, 1)],
    "fact_bytes": [("fact", 4, 1)],
    "fact_class": [("fact", 4, 5)],
    "fact_photo": [("fact", 4, 1)],
    "annotation_broken": [("annotation", 4, 1)],
    "fallback_misfit": [("fallback", 4, 1)],
    "name_unexported": [("closure", 5, 3)],
    "name_later": [("closure", 4, 1)],
    "name_typo": [("closure", 5, 3)],
    "rebinding": [("rebinding", 6, 2)],
    "several": [
        ("parameter-form", 3, 1),
        ("fact", 4, 2),
        ("fact", 4, 8),
        ("closure", 5, 3),
        ("argument-form", 5, 6),
        ("unknown-argument", 5, 6),
        ("tags", 6, 0),
        ("rebinding", 6, 1),
        ("one-parameters-cell", 7, 0),
        ("tags", 7, 0),
    ],
    "several_on_load": [
        ("subject", 2, SOMEWHERE),
        ("fact", 4, 1),
        ("fallback", 4, 7),
        ("decide-returns", 5, 6),
    ],
}
# What must be in a problem's message and hint, where the words are the point.
WORDS = {
    "near_miss_tag": ("'exprot'", "'export'"),
    "old_nbformat": ("nbformat 3", "nbconvert"),
    "not_utf8": ("UTF-8", "UTF-8"),
    "no_cells": ("no cells", ""),
    "line_magic": ("%time decide(True)", "not exported"),
    "shell_command": ("!pip install pillow", "not exported"),
    "decide_unexported": ("decide", "tag it 'export'"),
    "unknown_argument": ("'crowdde'", "'crowded'"),
    "cycle": ("crowded -> calm -> crowded", ""),
    "parameter_misfit": ("'faces_min'", ""),
    "two_parameters_cells": ("cell 3", ""),
    "fact_set": ("set[str]", ""),
    "fact_class": ("Crowd", ""),
    "name_unexported": ("cell 6, which is not exported", "cell 6"),
    "name_later": ("cell 5 defines it later", ""),
    "name_typo": ("'faces_mx'", "'faces_max'"),
    "rebinding": ("'faces_max' of cell 3", ""),
    "fails_on_load": ("ZeroDivisionError: division by zero", ""),
}


def problems_of(name: str, project: Any) -> list[Problem]:
    project.file(f"usecases/{name}.ipynb", (FOLDER / "broken" / f"{name}.ipynb").read_bytes())
    return sorted(project.build().problems)


def test_every_broken_notebook_is_in_the_table() -> None:
    assert BROKEN.keys() == {path.stem for path in (FOLDER / "broken").glob("*.ipynb")}


@pytest.mark.parametrize("name", BROKEN)
def test_the_defect_is_reported_at_its_place_and_nothing_else_is(name: str, project: Any) -> None:
    anywhere = {(rule, cell) for rule, cell, line in BROKEN[name] if line == SOMEWHERE}
    found = [
        (problem.rule, problem.cell, SOMEWHERE if (problem.rule, problem.cell) in anywhere else problem.line)
        for problem in problems_of(name, project)
    ]
    assert sorted(found) == sorted(BROKEN[name])


@pytest.mark.parametrize("name", BROKEN)
def test_the_report_names_notebook_and_cell_and_gives_cause_and_hint(name: str, project: Any) -> None:
    path = FOLDER / "broken" / f"{name}.ipynb"
    for problem in problems_of(name, project):
        assert problem.notebook == f"usecases/{name}.ipynb"
        assert problem.message
        assert problem.hint or problem.rule == "syntax", f"{problem.rule} has no hint"
        if problem.cell != WHOLE:
            cell = json.loads(path.read_bytes())["cells"][problem.cell - 1]
            assert problem.cell_id == cell["id"]
        if problem.line:
            assert problem.code == "".join(cell["source"]).split("\n")[problem.line - 1]
            assert 1 <= problem.column <= len(problem.code) + 1


@pytest.mark.parametrize("name", WORDS)
def test_the_words_say_what_is_wrong_and_what_to_do(name: str, project: Any) -> None:
    (problem,) = problems_of(name, project)
    message, hint = WORDS[name]
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_notebook_becomes_no_module(name: str, project: Any) -> None:
    assert problems_of(name, project)
    assert not project.module(name).exists()
    assert project.manifest["use_cases"] == {}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_notebook_has_no_problems_and_is_built(name: str, project: Any) -> None:
    project.file(f"usecases/{name}.ipynb", (FOLDER / "good" / f"{name}.ipynb").read_bytes())
    assert project.build().problems == []
    assert project.load(name).graph.steps[-1].name == "decide"


def test_all_broken_notebooks_at_once_keep_no_good_one_from_being_built(project: Any) -> None:
    for folder in ("good", "broken"):
        for path in (FOLDER / folder).glob("*.ipynb"):
            project.file(f"usecases/{path.name}", path.read_bytes())
    report = project.build()
    assert {Path(problem.notebook).stem for problem in report.problems} == BROKEN.keys()
    assert sorted(project.manifest["use_cases"]) == GOOD
    assert sorted(path.stem for path in project.generated.glob("*.py")) == GOOD


def test_the_notebooks_are_valid_but_for_their_defect() -> None:
    """Otherwise a broken one might be refused for something that its name does not say."""
    unreadable = {name for name, rows in BROKEN.items() if rows[0][0] == "notebook"} - {"no_cells", "other_language"}
    twice = {"duplicate_tags", "several"}  # the schema knows this defect too
    for path in sorted(FOLDER.glob("*/*.ipynb")):
        if path.stem not in unreadable | twice:
            nbformat.validate(nbformat.reads(path.read_text("utf-8"), as_version=4))
