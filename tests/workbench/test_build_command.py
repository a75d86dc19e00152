"""``artemis build`` as people and CI meet it: exit codes, text with a caret, JSON."""

from __future__ import annotations

import gc
import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from workbench.cli import main

KEYS = {"notebook", "cell", "cell_id", "line", "column", "rule", "severity", "message", "hint"}


@pytest.fixture
def here(project: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The working directory is the project."""
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("COLUMNS", "120")
    return project


def artemis(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def cells_wide(text: str) -> int:
    """How many columns of a terminal a text takes: Korean takes two for each character."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def test_a_build_without_problems_exits_0_and_says_what_it_did(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound())
    first, second = artemis("build"), artemis("build")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "photo_review: built" in first.output
    assert "nothing changed" in second.output


def test_a_build_with_problems_exits_1(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound(parameters="faces_max = 1"))
    here.notebook("other", sound())
    result = artemis("build")
    assert result.exit_code == 1
    assert "other: built" in result.output
    assert "photo_review: not built" in result.output


def test_outside_a_project_nothing_can_be_built_which_exits_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = artemis("build")
    assert result.exit_code == 2
    assert "usecases/" in result.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [("build", "--chek"), ("build", "--format", "xml"), ("biuld",)])
def test_a_wrong_command_line_exits_2(arguments: tuple[str, ...], here: Any) -> None:
    assert artemis(*arguments).exit_code == 2


def test_help_says_what_the_command_does() -> None:
    result = artemis("build", "--help")
    assert result.exit_code == 0
    assert "--check" in result.output
    assert "--format" in result.output


def test_a_write_that_fails_is_said_without_a_traceback(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound())
    here.file("chalicelib/usecases", "a file where a folder should be")
    done = here.artemis("build")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_text_shows_notebook_cell_line_caret_cause_and_hint(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound.exporting("LIMIT = 1\nMORE = facesmax"))
    lines = artemis("build").output.split("\n")
    assert lines[0].split() == ["usecases/photo_review.ipynb", "cell", "6", "[more-0]", "line", "2"]
    assert "error closure: 'facesmax' is not defined" in lines[1]
    assert lines[2].endswith("MORE = facesmax")
    assert lines[3].strip() == "^"
    assert lines[3].index("^") == lines[2].index("facesmax")
    assert lines[4].strip() == "hint: did you mean 'faces_max'?"


def test_the_caret_stands_below_its_character_in_a_line_of_korean(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound.exporting("인사 = '안녕하세요' + missing"))
    lines = artemis("build").output.split("\n")
    assert lines[2].endswith("인사 = '안녕하세요' + missing")
    assert lines[3].index("^") == cells_wide(lines[2][: lines[2].index("missing")])


def test_the_caret_stands_below_its_character_in_a_long_line_on_a_narrow_terminal(
    here: Any, sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    here.notebook("photo_review", sound.exporting(f"NOTE = '{'word ' * 20}' + missing  # a comment"))
    lines = artemis("build").output.split("\n")
    caret = next(number for number, line in enumerate(lines) if line.strip() == "^")
    assert lines[caret - 1][lines[caret].index("^") :].startswith("missing")


@pytest.mark.parametrize(
    "markup", ["[red]", "[/red]", "[bold]x[/bold]", "[link=https://example.org]x[/link]", ":smile:"]
)
def test_text_that_looks_like_markup_is_shown_as_it_is(markup: str, here: Any, sound: Any) -> None:
    source = f"NOTE = '{markup}' + missing"
    here.notebook("photo_review", sound.exporting(source))
    lines = artemis("build").output.split("\n")
    assert lines[2].endswith(source)
    assert lines[3].index("^") == lines[2].index("missing")


def test_a_markup_like_message_is_shown_as_it_is(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound.exporting("raise ValueError('[/red] [bold]no[/bold]')"))
    assert "the code raises ValueError: [/red] [bold]no[/bold]" in artemis("build").output


def test_problems_are_listed_in_reading_order(here: Any, sound: Any) -> None:
    here.notebook("beta", sound(parameters="faces_max = 1"))
    here.notebook("alpha", sound.exporting("first", "second"))
    here.notebook("no-name", sound())
    lines = [line for line in artemis("build").output.split("\n") if line.startswith("usecases/")]
    assert [line.split("  line")[0] for line in lines] == [
        "usecases/alpha.ipynb  cell 6 [more-0]",
        "usecases/alpha.ipynb  cell 7 [more-1]",
        "usecases/beta.ipynb  cell 3 [parameters]",
        "usecases/no-name.ipynb",
    ]


def test_the_json_form_lists_every_problem_with_all_its_keys(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound.exporting("인사 = '[red]'\nMORE = facesmax", "1 +"))
    here.notebook("other", sound(decide="LIMIT = facesmax"))
    result = artemis("build", "--format", "json")
    assert result.exit_code == 1
    problems = json.loads(result.stdout)["problems"]
    assert [set(problem) for problem in problems] == [KEYS] * len(problems)
    assert [(problem["notebook"], problem["rule"]) for problem in problems] == [
        ("usecases/other.ipynb", "required"),
        ("usecases/other.ipynb", "closure"),
        ("usecases/photo_review.ipynb", "syntax"),
    ]
    assert problems[1] == {
        "notebook": "usecases/other.ipynb",
        "cell": 5,
        "cell_id": "decide",
        "line": 1,
        "column": 9,
        "rule": "closure",
        "severity": "error",
        "message": "'facesmax' is not defined",
        "hint": "did you mean 'faces_max'?",
    }


def test_the_json_form_of_a_build_without_problems_is_an_empty_list(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound())
    result = artemis("build", "--format", "json")
    assert result.exit_code == 0
    content = json.loads(result.stdout)
    assert (content["problems"], content["changes"]) == ([], {"photo_review": "built"})


def test_what_exported_code_prints_does_not_spoil_the_json(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound.exporting("print('loading')"))
    done = here.artemis("build", "--format", "json")
    assert done.returncode == 0
    assert [problem["rule"] for problem in json.loads(done.stdout)["problems"]] == ["import-effects"]


@pytest.mark.parametrize(
    "ending", ["import sys\n\nsys.exit(0)", "raise SystemExit('stop')", "exit()", "raise GeneratorExit"]
)
def test_exported_code_that_ends_the_process_is_a_problem_not_the_end(ending: str, here: Any, sound: Any) -> None:
    here.notebook("ending", sound.exporting(ending))
    here.notebook("other", sound())
    result = artemis("build")
    assert result.exit_code == 1
    assert "usecases/ending.ipynb" in result.output
    assert here.module("other").exists()
    assert not here.module("ending").exists()


def test_what_is_switched_off_for_a_build_is_on_again_behind_it(here: Any, sound: Any) -> None:
    """The command may be called by a program that lives on."""
    here.notebook("photo_review", sound(parameters="faces_max = 1"))
    limit = sys.getrecursionlimit()
    assert gc.isenabled()
    assert artemis("build").exit_code == 1
    assert gc.isenabled()
    assert sys.getrecursionlimit() == limit


def test_a_tab_before_the_place_does_not_move_the_caret(here: Any, sound: Any) -> None:
    here.notebook("photo_review", sound.exporting("def helper():\n\treturn missing"))
    lines = artemis("build").output.split("\n")
    assert lines[3].index("^") == lines[2].index("missing")
