"""Rebinding: an unexported cell that gives an exported name another meaning is refused.

The notebook would run other code than is built. Each case is cell 6 of the sound notebook, unexported.
"""

from __future__ import annotations

from typing import Any

import pytest

REBINDS = {  # unexported code -> (name, line)
    "assignment": ("print('first')\nfaces_max = 3", "faces_max", 2),
    "assignment of one of two": ("limit, faces_max = 1, 2", "faces_max", 1),
    "starred assignment": ("first, *faces_max = 1, 2, 3", "faces_max", 1),
    "annotated assignment": ("faces_max: int = 3", "faces_max", 1),
    "augmented assignment": ("faces_max += 1", "faces_max", 1),
    "def": ("def crowded(faces):\n    return True", "crowded", 1),
    "async def": ("async def crowded(faces):\n    return True", "crowded", 1),
    "class": ("class Decision:\n    pass", "Decision", 1),
    "import of another thing": ("from decimal import Decimal as Literal", "Literal", 1),
    "import of the same name from elsewhere": ("from typing_extensions import Literal", "Literal", 1),
    "import of a module": ("import math as faces", "faces", 1),
    "for": ("for faces_max in range(3):\n    print(faces_max)", "faces_max", 1),
    "with": ("import io\n\nwith io.StringIO() as faces:\n    pass", "faces", 3),
    "walrus": ("print(faces_max := 3)", "faces_max", 1),
    "walrus in a comprehension": ("print([faces_max := row for row in range(3)])", "faces_max", 1),
    "walrus in a default": ("def trial(most=(faces_max := 3)):\n    return most", "faces_max", 1),
    "except": ("try:\n    pass\nexcept ValueError as faces:\n    pass", "faces", 3),
    "match": ("match 3:\n    case faces_max:\n        pass", "faces_max", 2),
    "inside an if": ("if True:\n    faces_max = 3", "faces_max", 2),
    "global in a function": ("def trial():\n    global faces_max\n    faces_max = 3", "faces_max", 2),
    "global in a method": (
        "class Trial:\n    def run(self):\n        global faces_max\n        faces_max = 3",
        "faces_max",
        3,
    ),
    "beside a magic": ("%matplotlib inline\nfaces_max = 3", "faces_max", 2),
    "beside Korean": ("인사 = '안녕'; faces_max = 3", "faces_max", 1),
    "in a timed cell": ("%%time\nfaces_max = 3", "faces_max", 2),
    "from a shell command": ("faces = !ls", "faces", 1),
    "below a line that begins with a percent sign": ("rate = (10\n    % 3)\nfaces_max = 3", "faces_max", 3),
}
NOT_FLAGGED = {
    "another name": "limit = 3",
    "the same import again": "from typing import Literal\n\nfrom chalicelib.usecase import Photo, task",
    "the same import under a name of its own": "from chalicelib.usecase import Photo as Picture",
    "comprehension variables": "print([faces_max for faces_max in range(3)], {faces: 1 for faces in 'ab'})",
    "a generator's variable": "print(sum(faces_max for faces_max in range(3)))",
    "a lambda's argument": "trial = lambda faces_max: faces_max",
    "arguments": "def trial(faces, *crowded, **decide):\n    return faces",
    "local variables": "def trial():\n    faces_max = 3\n    import math as faces\n    return faces_max, faces",
    "a nested function": "def trial():\n    def crowded():\n        return True\n    return crowded",
    "a class's own names": "class Trial:\n    faces_max = 3\n\n    def crowded(self):\n        return True",
    "attributes": "import types\n\ntrial = types.SimpleNamespace()\ntrial.faces_max = 3",
    "keywords": "trial = dict(faces_max=3, crowded=True)",
    "reading": "print(faces_max, crowded, decide)",
    "a syntax error": "this is no Python",
    "a shell line": "!echo faces_max = 3",
    "a cell of another language": "%%bash\nfaces_max=3",
    "text that looks like code": '"""\nfaces_max = 3\n"""',
}


@pytest.mark.parametrize("case", REBINDS)
def test_an_unexported_cell_that_rebinds_an_exported_name_is_found(case: str, project: Any, sound: Any) -> None:
    source, name, line = REBINDS[case]
    found = project.problems(sound.then(source))
    assert [(problem.rule, problem.cell, problem.line) for problem in found] == [("rebinding", 6, line)]
    assert f"rebinds {name!r} of cell" in found[0].message
    assert found[0].hint


@pytest.mark.parametrize("case", NOT_FLAGGED)
def test_what_rebinds_nothing_is_not_flagged(case: str, project: Any, sound: Any) -> None:
    assert project.problems(sound.then(NOT_FLAGGED[case])) == []


def test_papermills_injected_parameters_rebind_on_purpose(project: Any, sound: Any, cell: Any) -> None:
    cells = sound(cell("# Parameters\nfaces_max = 4", "injected-parameters", name="injected"))
    assert project.problems(cells) == []


def test_the_metrics_cell_is_not_exported_and_rebinds_nothing_either(project: Any, sound: Any, cell: Any) -> None:
    (problem,) = project.problems(sound(cell("crowded = 1\n{'rate': crowded}", "metrics", name="measure")))
    assert (problem.rule, problem.cell, problem.line) == ("rebinding", 6, 1)


def test_a_cell_before_the_exported_one_rebinds_as_well(project: Any, sound: Any, cell: Any) -> None:
    cells = sound()
    cells.insert(1, cell("faces_max = 3", name="early"))
    (problem,) = project.problems(cells)
    assert (problem.rule, problem.cell) == ("rebinding", 2)
    assert "of cell 4" in problem.message


def test_importing_another_module_of_the_same_package_rebinds_nothing(project: Any, sound: Any, cell: Any) -> None:
    cells = sound(cell("import os\n\nEND = os.linesep", "export", name="end"), cell("import os.path", name="look"))
    assert project.problems(cells) == []


def test_exported_cells_may_build_a_name_up(project: Any, sound: Any) -> None:
    assert project.problems(sound.exporting("LIMITS = [1]", "LIMITS = [*LIMITS, 2]\nLIMITS += [3]")) == []


def test_every_rebinding_is_reported(project: Any, sound: Any) -> None:
    found = project.problems(sound.then("faces_max = crowded = 3", "def faces():\n    pass"))
    assert [(problem.cell, problem.line) for problem in found] == [(6, 1), (6, 1), (7, 1)]


def test_what_keeps_the_module_from_loading_is_reported_beside_a_rebinding(project: Any, sound: Any) -> None:
    """All problems at once: the module does not hold the rebinding cell, so it can be loaded and looked at."""
    cells = sound.then("crowded = 3")
    cells[3]["source"] = sound.source("tasks").replace("list[Face]", "set[str]")
    assert [problem.rule for problem in project.problems(cells)] == ["fact", "rebinding"]


def test_the_column_counts_characters_not_bytes(project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound.then("인사 = '안녕하세요'; faces_max = 3"))
    assert problem.code[problem.column - 1 :] == "faces_max = 3"


@pytest.mark.parametrize(
    "source",
    [
        "faces_max = 3",
        "faces_max += 1",
        "for faces_max in range(3):\n    pass",
        "def faces_max():\n    return 3",
        "def raised():\n    global faces_max\n    faces_max = 3",
    ],
)
def test_exported_code_that_rebinds_a_parameter_would_undo_what_a_stage_sets(
    source: str, project: Any, sound: Any
) -> None:
    found = project.problems(sound.exporting("LIMIT = 1", source))
    assert ("rebinding", 7, 1) in [(problem.rule, problem.cell, problem.line) for problem in found]
    (problem,) = [problem for problem in found if problem.rule == "rebinding"]
    assert "'faces_max' is a parameter" in problem.message
    assert problem.hint


def test_a_parameters_name_may_be_used_before_and_inside(project: Any, sound: Any) -> None:
    models = sound.source("models") + "\n\nfaces_max = 0"
    helper = "def helper():\n    faces_max = 3\n    return faces_max"
    assert project.problems(sound(models=models)) == []
    assert project.problems(sound.exporting(helper, "LIMITS = [faces_max for faces_max in range(3)]")) == []


@pytest.mark.parametrize("magic", ["%%capture", "%%time", "%%prun -q"])
def test_a_magic_that_runs_its_cell_here_does_not_hide_a_rebinding(magic: str, project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound.then(f"{magic}\n!ls\nfaces_max = 3"))
    assert (problem.rule, problem.line) == ("rebinding", 3)


def test_a_magic_over_several_lines_is_left_out_whole(project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound.then("!ls \\\n  -l \\\n  -a\nfaces_max = 3"))
    assert (problem.rule, problem.line) == ("rebinding", 4)
