"""Cells as they come: broken bytes, tags, magics, syntax, parameters. Cells 6 and on follow the sound notebook."""

from __future__ import annotations

import json
from typing import Any

import pytest

from workbench.problems import Problem

LONE = "\ud83d"  # half of an emoji: valid in JSON, no valid text


def places(problems: list[Problem]) -> list[tuple[str, int, int]]:
    return [(problem.rule, problem.cell, problem.line) for problem in problems]


@pytest.mark.parametrize(
    "content", ["", "null", '"text"', "{", '{"nbformat": 4}', '{"nbformat": 4, "cells": {}}', "[" * 9999]
)
def test_what_is_no_notebook_is_refused_clearly(content: str, project: Any) -> None:
    project.file("usecases/trial.ipynb", content)
    (problem,) = project.build().problems
    assert (problem.rule, problem.notebook, problem.cell) == ("notebook", "usecases/trial.ipynb", 0)
    assert problem.message
    assert problem.hint


@pytest.mark.parametrize(
    "change",
    [
        {"source": 3},
        {"source": None},
        {"metadata": {"tags": "export"}},
        {"metadata": {"tags": [3]}},
    ],
)
def test_a_cell_of_the_wrong_shape_is_named(change: dict[str, Any], project: Any, sound: Any) -> None:
    cells = sound()
    cells[3] |= change
    (problem,) = project.problems(cells)
    assert problem.rule == "notebook"
    assert "cell 4" in problem.message


def test_source_may_be_one_text_as_well_as_a_list_of_lines(project: Any, sound: Any) -> None:
    cells = sound()
    for cell in cells:
        cell["source"] = "".join(cell["source"])
    assert project.problems(cells) == []


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(project: Any, sound: Any) -> None:
    cells = sound()
    for cell in cells:
        cell["source"] = [line.replace("\n", "\r\n") for line in cell["source"]]
    text = project.notebook("trial", cells).read_text("utf-8")
    project.file("usecases/trial.ipynb", b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert project.build().problems == []
    assert b"\r" not in project.module("trial").read_bytes()


@pytest.mark.parametrize("where", ["title", "models", "parameters", "decide"])
def test_half_a_character_is_bad_input_for_this_notebook_only(where: str, project: Any, sound: Any) -> None:
    source = "# Smile " + LONE + "\n" + sound.source(where)
    cells = sound(**{where: source})
    project.file(
        "usecases/trial.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    project.notebook("other", sound())
    assert {problem.notebook for problem in project.build().problems} <= {"usecases/trial.ipynb"}
    assert "other" in project.manifest["use_cases"]


@pytest.mark.parametrize("identifier", ["decide]\nimport os\n#", "decide" + LONE])
def test_a_cell_id_cannot_put_anything_into_the_module(identifier: str, project: Any, sound: Any) -> None:
    cells = sound()
    cells[-1]["id"] = identifier
    project.file(
        "usecases/trial.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})
    )
    project.build()
    assert not project.module("trial").exists() or "\nimport os" not in project.module("trial").read_text("utf-8")


@pytest.mark.parametrize(
    ("tag", "meant"), [("exprot", "export"), ("Export", "export"), ("exported", "export"), ("paramters", "parameters")]
)
def test_a_near_miss_of_our_tags_is_reported(tag: str, meant: str, project: Any, sound: Any, cell: Any) -> None:
    (problem,) = project.problems(sound(cell("spare = 1", tag, name="spare")))
    assert (problem.rule, problem.cell) == ("tags", 6)
    assert meant in problem.hint


@pytest.mark.parametrize(
    "tag", ["nbval-ignore-output", "raises-exception", "hide-cell", "slow", "검토", "remove_input"]
)
def test_tags_of_other_tools_pass(tag: str, project: Any, sound: Any, cell: Any) -> None:
    assert project.problems(sound(cell("spare = 1", tag, name="spare"))) == []


@pytest.mark.parametrize(
    "magic", ["%time 1 + 1", "!pip install x", "%%time", "x = !ls", "x = %time 1", "len?", "?len", "%matplotlib inline"]
)
def test_a_magic_in_an_exported_cell_is_found_by_its_line(magic: str, project: Any, sound: Any) -> None:
    source = f"{magic}\nLIMIT = 3" if magic.startswith("%%") else f"LIMIT = 3\n{magic}"
    line = 1 if magic.startswith("%%") else 2
    (problem,) = project.problems(sound.exporting(source))
    assert (problem.rule, problem.cell, problem.line) == ("magic", 6, line)
    assert magic in problem.message
    assert "not exported" in problem.hint


@pytest.mark.parametrize(
    "source",
    [
        "%time 1 + 1",
        "!pip install x",
        "%%time\n1 + 1",
        "x = !ls",
        "x = %time 1",
        "len?",
        "if True:\n    %time 1\n    !ls",
        "%%html\n<b>not Python</b>",
        "await something()",
    ],
)
def test_what_only_a_notebook_can_run_is_fine_in_an_unexported_cell(source: str, project: Any, sound: Any) -> None:
    assert project.problems(sound.then(source)) == []


def test_every_magic_of_a_cell_is_reported(project: Any, sound: Any) -> None:
    found = project.problems(sound.exporting("!pip install x\nLIMIT = 3\n%time LIMIT"))
    assert places(found) == [("magic", 6, 1), ("magic", 6, 3)]


@pytest.mark.parametrize("source", ['NOTE = """\n!important\n%d\n"""', "RATE = (10\n    % 3)", "NOTE = '%time'  # !ls"])
def test_python_that_only_looks_like_a_magic_is_fine(source: str, project: Any, sound: Any) -> None:
    assert project.problems(sound.exporting(source)) == []


@pytest.mark.parametrize("harmless", ['NOTE = """\n!important\n"""', "RATE = (10\n    % 3)\n"])
def test_python_that_only_looks_like_a_magic_is_not_blamed_for_a_syntax_error(
    harmless: str, project: Any, sound: Any
) -> None:
    found = project.problems(sound.exporting(harmless + "\ndef helper(:\n    pass"))
    assert places(found) == [("syntax", 6, 4)]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("def helper(:\n    pass", 1),
        ("LIMIT = 3\n\nif LIMIT\n    pass", 3),
        ("def helper():\n    one = 1\n      two = 2", 3),
        ("LIMIT = (1,\n  2", 1),
        ('NOTE = "open', 1),
        ("LIMIT = 3 \\", 1),
        ("인사 = '안녕'\n한계 = = 3", 2),
        ("break", 1),
        ("def helper():\n    nonlocal missing", 2),
        ("LIMIT = 3\nyield LIMIT", 2),
    ],
)
def test_a_syntax_error_is_placed_in_its_own_cell(source: str, line: int, project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound.exporting(source, "LAST = ')]}'\nNOTE = '''\"'''"))
    assert (problem.rule, problem.cell, problem.line) == ("syntax", 6, line)


def test_syntax_errors_of_several_cells_are_reported_at_once(project: Any, sound: Any) -> None:
    found = project.problems(sound.exporting("def helper(:", "LIMIT = 3", "class :"))
    assert places(found) == [("syntax", 6, 1), ("syntax", 8, 1)]


def test_code_of_several_cells_that_parses_but_does_not_compile_is_reported_at_once(project: Any, sound: Any) -> None:
    found = project.problems(sound.exporting("return 3", "LIMIT = 3\nawait LIMIT", "break"))
    assert places(found) == [("syntax", 6, 1), ("syntax", 7, 2), ("syntax", 8, 1)]


def test_a_syntax_error_in_an_unexported_cell_is_its_own_business(project: Any, sound: Any) -> None:
    assert project.problems(sound.then("def helper(:")) == []


def test_a_null_character_is_a_syntax_error(project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound.exporting("NOTE = 'a\0b'"))
    assert (problem.rule, problem.cell) == ("syntax", 6)


def test_a_long_chain_of_operators_is_built(project: Any, sound: Any) -> None:
    assert project.problems(sound.exporting("NOTE = (\n    " + "\n    + ".join(["'word'"] * 400) + "\n)")) == []


def test_the_future_import_may_stand_at_the_top_of_the_parameters_cell(project: Any, sound: Any) -> None:
    cells = sound(parameters="from __future__ import annotations\n\n" + sound.source("parameters"))
    cells.insert(1, cells.pop(2))
    assert project.problems(cells) == []


@pytest.mark.parametrize("first", ["# nothing to tune", '"""What may be tuned."""'])
def test_the_future_import_comes_too_late_after_the_parameters_cell(first: str, project: Any, sound: Any) -> None:
    cells = sound(
        parameters=first,
        models="from __future__ import annotations\n\n" + sound.source("models"),
        decide=sound.source("decide").replace("faces_max", "1"),
    )
    cells.insert(1, cells.pop(2))
    assert places(project.problems(cells)) == [("future-import", 3, 1)]


@pytest.mark.parametrize(
    "parameters",
    [
        "faces_max: int = -1",
        'faces_max: Literal["one", "two"] = "one"',
        "faces_max: int | None = None",
        'faces_max: dict[str, list[float]] = {"낮음": [0.1, 0.2], "높음": []}',
        "from typing import Annotated\n\nfrom pydantic import Field\n\nfaces_max: Annotated[int, Field(ge=0)] = 1",
        '"""What may be tuned."""\n\nfaces_max: bool = True',
    ],
)
def test_parameters_are_annotated_json_literals(parameters: str, project: Any, sound: Any) -> None:
    assert project.problems(sound(parameters=parameters)) == []


@pytest.mark.parametrize("default", ["'0.6'", "1.5", "True", "None", "[1]", "-1"])
def test_a_default_that_does_not_fit_is_placed_at_its_parameter(default: str, project: Any, sound: Any) -> None:
    annotation = "Annotated[int, Field(ge=0)]"
    imports = "from typing import Annotated\n\nfrom pydantic import Field\n\n"
    (problem,) = project.problems(sound(parameters=f"{imports}faces_max: {annotation} = {default}  # limit"))
    assert (problem.rule, problem.cell, problem.line) == ("parameters", 3, 5)
    assert "'faces_max'" in problem.message


def test_every_default_that_does_not_fit_is_reported(project: Any, sound: Any) -> None:
    found = project.problems(sound(parameters="faces_max: int = 'one'\nrate: float = 0.5\nname: str = 3"))
    assert places(found) == [("parameters", 3, 1), ("parameters", 3, 3)]
