"""Opting out of a rule on a line, and the form that editors and CI read problems in."""

from __future__ import annotations

import json
from typing import Any

import pytest

FIELDS = ["notebook", "cell", "cell_id", "line", "column", "rule", "severity", "message", "hint"]
PRIVATE = "from chalicelib.names import Scope"
TWO = "import click, workbench"


def rules(project: Any, cells: Any) -> list[tuple[str, int, int]]:
    project.file("requirements.txt", "pydantic\n")
    return [(problem.rule, problem.cell, problem.line) for problem in project.problems(cells)]


def test_the_named_rule_is_left_out_on_its_line_only(project: Any, sound: Any) -> None:
    cells = sound.exporting(f"{PRIVATE}  # artemis: ignore[private-import]\n{PRIVATE}")
    assert rules(project, cells) == [("private-import", 6, 2)]


def test_several_rules_are_named_in_one_comment(project: Any, sound: Any) -> None:
    assert {rule for rule, _, _ in rules(project, sound.exporting(TWO))} == {"missing-requirement", "private-import"}
    text = f"{TWO}  # artemis: ignore[missing-requirement, private-import]"
    assert rules(project, sound.exporting(text)) == []


def test_it_may_stand_behind_another_comment(project: Any, sound: Any) -> None:
    text = f"{PRIVATE}  # noqa: F401  # artemis: ignore[private-import]"
    assert rules(project, sound.exporting(text)) == []


def test_it_works_in_cells_that_are_not_exported(project: Any, sound: Any) -> None:
    secret = 'password = "' + "corr3ct" + '-horse"'
    assert rules(project, sound.then(secret)) == [("secret", 6, 1)]
    assert rules(project, sound.then(f"{secret}  # artemis: ignore[secret]")) == []


def test_another_rule_than_the_one_named_is_still_reported(project: Any, sound: Any) -> None:
    found = rules(project, sound.exporting(f"{PRIVATE}  # artemis: ignore[missing-requirement]"))
    assert found == [("private-import", 6, 1), ("unused-ignore", 6, 1)]


NEEDLESS = {
    "X = 1  # artemis: ignore[missing-requirement]": ("no missing-requirement problem", "remove"),
    "X = 1  # artemis: ignore[private-imprt]": ("no rule 'private-imprt'", "'private-import'"),
    "X = 1  # artemis: ignore[nothing-like-it]": ("no rule", "docs/rules.md"),
    "X = 1  # artemis: ignore": ("names no rule", "artemis: ignore[rule]"),
    "X = 1  # artemis: ignore[closure]": ("nobody can opt out of closure", "remove"),
    "X = 1  # artemis: ignore[secret, missing-requirement]": ("problem", "remove"),
}


@pytest.mark.parametrize("source", NEEDLESS)
def test_an_opt_out_that_leaves_out_nothing_is_reported(source: str, project: Any, sound: Any) -> None:
    message, hint = NEEDLESS[source]
    project.notebook("trial", sound.exporting(source))
    problems = project.build().problems
    assert len(problems) == source.count(",") + 1
    for problem in problems:
        assert (problem.rule, problem.severity, problem.cell, problem.line) == ("unused-ignore", "warning", 6, 1)
        assert problem.column == source.index("#") + 1
        assert message in problem.message
        assert hint in problem.hint


def test_what_no_module_can_do_without_is_reported_all_the_same(project: Any, sound: Any) -> None:
    cells = sound.exporting("def one():\n    return two  # artemis: ignore[closure]")
    assert {rule for rule, _, _ in rules(project, cells)} == {"closure", "unused-ignore"}


@pytest.mark.parametrize(
    "source", ['TEXT = "# artemis: ignore[secret]"', '"""Say # artemis: ignore[secret] to leave it out."""']
)
def test_what_only_looks_like_one_in_a_text_is_none(source: str, project: Any, sound: Any) -> None:
    assert rules(project, sound.exporting(source)) == []


def test_a_parameters_description_is_without_it(project: Any, sound: Any) -> None:
    secret = "corr3ct" + "-horse"
    parameters = f'password: str = "{secret}"  # of the demo  # artemis: ignore[secret]'
    more = f'other_password: str = "{secret}-2"  # artemis: ignore[secret]'
    cells = sound(parameters=f"{sound.source('parameters')}\nuser_password: str = 'guest'  # who\n{parameters}\n{more}")
    assert rules(project, cells) == []
    described = {name: value["description"] for name, value in project.entry("trial")["parameters"].items()}
    assert described["password"] == "of the demo"
    assert described["other_password"] == ""


def test_json_has_the_fields_that_editors_and_ci_read_and_errors_exit_with_1(project: Any, sound: Any) -> None:
    project.notebook("trial", sound.exporting("def one():\n    return twoo", "VALUE: int = 1"))
    done = project.artemis("check", "--format", "json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert {problem["rule"] for problem in found} >= {"closure", "never-run"}
    for problem in found:
        assert sorted(problem) == sorted(FIELDS)
    (closure,) = [problem for problem in found if problem["rule"] == "closure"]
    assert (closure["notebook"], closure["cell"], closure["cell_id"]) == ("usecases/trial.ipynb", 6, "more-0")
    assert (closure["line"], closure["column"], closure["severity"]) == (2, 12, "error")
    assert closure["message"]
    assert closure["hint"]


def test_warnings_and_infos_exit_with_0(project: Any, sound: Any) -> None:
    project.notebook("trial", sound.exporting("X = 1  # artemis: ignore[secret]"))
    done = project.artemis("check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 warning, 1 info" in done.stdout


def test_what_cannot_be_checked_exits_with_2(project: Any, sound: Any) -> None:
    project.notebook("trial", sound())
    done = project.artemis("check", "trail")
    assert done.returncode == 2
    assert "did you mean 'trial'?" in done.stderr


def test_an_opt_out_written_without_a_space_counts_too(project: Any, sound: Any) -> None:
    assert project.problems(sound.exporting("print('loading')  # artemis:ignore[import-effects]")) == []


def test_nobody_opts_out_of_a_module_that_does_not_load(project: Any, sound: Any) -> None:
    """The problem that was opted out of explained why it does not load: now nothing else would."""
    source = "import no_such_package  # artemis: ignore[missing-requirement]"
    project.file("requirements.txt", "pydantic==2\n")
    (problem,) = project.problems(sound.exporting(source))
    assert (problem.rule, problem.severity) == ("load", "error")
