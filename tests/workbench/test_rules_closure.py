"""Closure: every name that exported cells use comes from an exported cell, an import or a parameter.

Wherever Python looks a name up, the rule does: in the sound notebook each case adds exported cell 6
and the unexported cell 7, which defines ``scratch``.
"""

from __future__ import annotations

from typing import Any

import pytest

SCRATCH = "scratch = 3"

USES = {  # exported code -> line in which `scratch` is used
    "in a statement": ("LIMIT = scratch", 1),
    "in a function": ("def helper():\n    return scratch", 2),
    "in a function's default": ("def helper(limit=scratch):\n    return limit", 1),
    "in a decorator": ("@scratch\ndef helper():\n    return 1", 1),
    "in an annotation": ("def helper(limit: scratch):\n    return limit", 1),
    "in a returned annotation": ("def helper() -> scratch:\n    return 1", 1),
    "in a quoted annotation": ('def helper() -> "scratch":\n    return 1', 1),
    "in a variable's annotation": ("LIMIT: scratch = 3", 1),
    "in a comprehension": ("LIMITS = [scratch for _ in range(3)]", 1),
    "in what a comprehension walks": ("LIMITS = [limit for limit in scratch]", 1),
    "in a lambda": ("helper = lambda limit: limit + scratch", 1),
    "in a class body": ("class Limits:\n    most = scratch", 2),
    "as a base class": ("class Limits(scratch):\n    pass", 1),
    "in a method": ("class Limits:\n    def most(self):\n        return scratch", 3),
    "in an f-string": ('NOTE = f"at most {scratch}"', 1),
    "in an f-string's format": ('NOTE = f"{3:{scratch}}"', 1),
    "in an attribute": ("LIMIT = scratch.most", 1),
    "in an index": ("LIMIT = [1, 2][scratch]", 1),
    "in a deletion": ("del scratch", 1),
    "in a nested function": ("def helper():\n    def inner():\n        return scratch\n    return inner", 3),
    "in an except clause": ("try:\n    pass\nexcept scratch:\n    pass", 3),
    "in a match": ("def helper(limit):\n    match limit:\n        case scratch.most:\n            return 1", 3),
    "after a line of Korean": ("# 한국어\nLIMIT = scratch", 2),
}
NOT_FLAGGED = {
    "a builtin": "LIMIT = max(len('ab'), int('3'))",
    "a builtin in a quoted annotation": 'def helper(limit: "str | None") -> "list[int]":\n    return []',
    "an import": "import math\n\nLIMIT = math.pi",
    "an import under another name": "import os.path as places\n\nLIMIT = places.sep",
    "a dotted import": "import os.path\n\nLIMIT = os.path.sep",
    "an import inside the function": "def helper():\n    import math\n    return math.pi",
    "a parameter": "LIMIT = faces_max * 2",
    "a later function, called later": "def helper():\n    return other()\n\n\ndef other():\n    return 1",
    "a function calling itself": "def helper(depth):\n    return helper(depth - 1) if depth else 0",
    "comprehension variables": "LIMITS = {scratch: other for scratch, other in zip([1], [2])}",
    "nested comprehensions": "LIMITS = [scratch for row in [[1]] for scratch in row if scratch]",
    "a lambda's argument": "helper = lambda scratch: scratch",
    "local variables": "def helper(scratch):\n    other = scratch\n    return other",
    "an enclosing function's variable": "def helper():\n    scratch = 1\n    return lambda: scratch",
    "a walrus": "LIMIT = (half := 3) + half",
    "a walrus in a comprehension": "LIMITS = [half := 3 for _ in range(2)]\nLIMIT = half",
    "attributes and keywords": "import math\n\nLIMIT = dict(scratch=1)\nPI = math.pi",
    "for, with, except, star and match targets": (
        "import io\n\n"
        "for scratch in range(2):\n    LAST = scratch\n"
        "with io.StringIO() as file:\n    file.write('')\n"
        "try:\n    pass\nexcept ValueError as error:\n    CAUGHT = error\n"
        "first, *rest = 1, 2\nBOTH = first, rest\n\n\n"
        "def helper(limit):\n    match limit:\n        case [one, *others]:\n            return one, others\n"
        "        case {'a': two, **rest}:\n            return two, rest\n"
    ),
    "names of the class being defined": "class Limits:\n    most = 3\n    least = most - 1",
    "dunder names of every module": "NAME = __name__",
    "a global made by a function": "def helper():\n    global COUNT\n    COUNT = 1\n    return COUNT",
    "a type in quotes that comes later": (
        'def helper(first: "Later"):\n    return first\n\n\n'
        'class Later:\n    def copy(self) -> "Later":\n        return self'
    ),
    "Korean names": "한계 = 3\n두배 = [값 * 한계 for 값 in range(2)]",
}


@pytest.mark.parametrize("case", USES)
def test_a_name_from_an_unexported_cell_is_found(case: str, project: Any, sound: Any, cell: Any) -> None:
    source, line = USES[case]
    cells = sound(cell(source, "export", name="uses"), cell(SCRATCH, name="scratch"))
    (problem,) = [problem for problem in project.problems(cells) if problem.rule != "rebinding"]
    assert (problem.rule, problem.cell, problem.line) == ("closure", 6, line)
    assert problem.message == "'scratch' comes from cell 7, which is not exported"
    assert problem.hint == "tag cell 7 'export', or move the definition to an exported cell"


@pytest.mark.parametrize("case", NOT_FLAGGED)
def test_a_name_that_is_there_is_not_flagged(case: str, project: Any, sound: Any) -> None:
    assert project.problems(sound.exporting(NOT_FLAGGED[case])) == []


@pytest.mark.parametrize("scratch", ["def scratch():\n    pass", "class scratch:\n    pass", "import math as scratch"])
def test_the_unexported_cell_is_named_however_it_binds_the_name(
    scratch: str, project: Any, sound: Any, cell: Any
) -> None:
    (problem,) = project.problems(sound(cell("LIMIT = scratch", "export", name="uses"), cell(scratch, name="scratch")))
    assert "cell 7, which is not exported" in problem.message


def test_an_import_in_an_unexported_cell_is_not_there_for_exported_ones(project: Any, sound: Any, cell: Any) -> None:
    cells = sound(cell("import math", name="imports"), cell("LIMIT = math.pi", "export", name="uses"))
    (problem,) = project.problems(cells)
    assert (problem.rule, problem.cell) == ("closure", 7)
    assert "'math' comes from cell 6" in problem.message


@pytest.mark.parametrize(
    "use",
    ["LIMIT = BASE", "def helper(limit=BASE):\n    return limit", "class Limits:\n    most = BASE", "assert BASE"],
)
def test_a_name_that_only_comes_later_is_said_to_come_later(use: str, project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound.exporting(use, "'between'", "BASE = 3"))
    assert (problem.rule, problem.cell) == ("closure", 6)
    assert "cell 8 defines it later" in problem.message
    assert problem.hint


def test_a_parameter_that_only_comes_later_is_said_to_come_later(project: Any, sound: Any) -> None:
    cells = sound(models=sound.source("models") + "\n\n\nLIMIT = faces_max")
    (problem,) = project.problems(cells)
    assert (problem.rule, problem.cell) == ("closure", 2)
    assert "cell 3 defines it later" in problem.message


def test_a_name_that_only_comes_later_in_its_own_cell_is_found(project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound.exporting("LIMIT = BASE\nBASE = 3"))
    assert (problem.rule, problem.cell, problem.line) == ("closure", 6, 1)


@pytest.mark.parametrize(
    ("source", "line"), [("COUNT = 0\n\n\ndef helper():\n    COUNT += 1\n    return COUNT", 5), ("COUNT += 1", 1)]
)
def test_a_name_counted_up_before_it_has_a_value_is_not_said_to_come_from_a_later_cell(
    source: str, line: int, project: Any, sound: Any
) -> None:
    (problem,) = project.problems(sound.exporting(source))
    assert (problem.rule, problem.cell, problem.line) == ("closure", 6, line)
    assert "later" not in problem.message
    assert problem.hint


@pytest.mark.parametrize("name", ["display", "get_ipython"])
def test_what_only_the_notebook_has_is_not_there_in_the_module(name: str, project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound.exporting(f"def helper():\n    return {name}()"))
    assert (problem.rule, problem.cell, problem.line) == ("closure", 6, 2)


def test_every_missing_name_is_reported(project: Any, sound: Any) -> None:
    found = project.problems(sound.exporting("def helper():\n    return first + second", "LIMIT = third"))
    assert [(problem.cell, problem.line, problem.message) for problem in found] == [
        (6, 2, "'first' is not defined"),
        (6, 2, "'second' is not defined"),
        (7, 1, "'third' is not defined"),
    ]


def test_the_column_counts_characters_not_bytes(project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound.exporting('인사 = "안녕하세요" + missing'))
    assert problem.code[problem.column - 1 :] == "missing"


def test_a_star_import_does_not_hide_a_name_of_an_unexported_cell(project: Any, sound: Any, cell: Any) -> None:
    source = "from math import *\n\nLIMIT = pi\n\n\ndef helper():\n    return scratch"
    found = project.problems(sound(cell(source, "export", name="uses"), cell(SCRATCH, name="scratch")))
    assert [(problem.rule, problem.cell, problem.line) for problem in found] == [
        ("star-import", 6, 1),
        ("closure", 6, 7),
    ]
