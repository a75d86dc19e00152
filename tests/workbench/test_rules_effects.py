"""What exported code does when it is loaded, and async code. Each snippet is cell 6 of the sound notebook, exported."""

from __future__ import annotations

from typing import Any

import pytest

READ = "def read(name):\n    with open(name) as file:\n        return file.read()\n\n\n"

EFFECTS: dict[str, tuple[str, list[int]]] = {  # name -> (code, lines reported)
    "print": ("print('loaded')", [1]),
    "print in a loop": ("for number in range(2):\n    print(number)", [2]),
    "print in an if": ("if faces_max:\n    print(1)", [2]),
    "print in a comprehension": ("SHOWN = [print(number) for number in range(2)]", [1]),
    "print in a class": ("class Note:\n    print(1)", [2]),
    "display": ("from IPython.display import display\n\ndisplay(1)", [3]),
    "logging": ("import logging\n\nlogging.basicConfig()", [3]),
    "a file": ("WORDS = open('/dev/null').read()", [1]),
    "a file in a with": ("with open('/dev/null') as file:\n    WORDS = file.read()", [1]),
    "a path": ("from pathlib import Path\n\nWORDS = Path('/dev/null').read_text()", [3]),
    "the environment": ("import os\n\nREGION = os.environ.get('REGION')", [3]),
    "getenv": ("from os import getenv as env\n\nREGION = env('REGION')", [3]),
    "the clock": ("import time\n\nSTARTED = time.time()", [3]),
    "chance": ("import random\n\nrandom.seed(1)", [3]),
    "a process": ("import subprocess\n\nsubprocess.run(['true'])", [3]),
    "a default": ("import time\n\n\ndef late(at=time.time()):\n    return at", [4]),
    "a helper": (READ + "WORDS = read('/dev/null')", [6]),
    "a helper's helper": (READ + "def words():\n    return read('/dev/null')\n\n\nWORDS = words()", [10]),
    "two": ("print(1)\nprint(2)", [1, 2]),
}
NONE = {
    "patterns and tables": "import re\n\nWORD = re.compile('[a-z]+')\nTABLE = {word: len(word) for word in ('a', 'b')}",
    "an adapter": "from pydantic import TypeAdapter\n\nNUMBERS = TypeAdapter(list[int])\n"
    "ONE = NUMBERS.validate_python([1])",
    "a client": "import sqlite3\nimport http.client\n\nCLIENT = http.client.HTTPConnection('localhost')",
    "a function that prints": "def show(value):\n    print(value)",
    "a lambda that prints": "SHOW = lambda value: print(value)",
    "a function that is named by itself": "from time import time\n\nCLOCK = [time]",
    "a table by identity": "NAMES = {id(faces_max): 'x'}",
    "a function that is named": "import time\n\nCLOCK = time.time",
    "a decorator": "import time\n\n\ndef timed(function):\n    def inner(*values):\n        print(time.time())\n"
    "        return function(*values)\n\n    return inner\n\n\n@timed\ndef twice(value):\n    return value * 2",
    "a helper that is not called": READ,
    "a run of its own": "if __name__ == '__main__':\n    print(1)",
    "an own print": "def print(value):\n    return value\n\n\nSHOWN = print(1)",
    "a logger": "import logging\n\nLOG = logging.getLogger('x')",
    "a name that is an argument": "import os\n\n\n"
    "def joined(name: str) -> str:\n    return os.path.join(name, 'x')\n\n\nX = joined('x')",
}


def lines(rule: str, source: str, project: Any, sound: Any) -> list[int]:
    problems = project.problems(sound.exporting(source))
    assert not [problem for problem in problems if problem.rule in ("syntax", "closure", "load")], problems
    return [problem.line for problem in problems if problem.rule == rule]


@pytest.mark.parametrize("name", EFFECTS)
def test_what_happens_when_the_module_is_loaded_is_reported(name: str, project: Any, sound: Any) -> None:
    source, expected = EFFECTS[name]
    assert lines("import-effects", source, project, sound) == expected


@pytest.mark.parametrize("name", NONE)
def test_what_only_defines_is_fine(name: str, project: Any, sound: Any) -> None:
    assert lines("import-effects", NONE[name], project, sound) == []


def test_it_is_a_warning_that_names_the_helper_and_the_module_is_built(project: Any, sound: Any) -> None:
    source = READ + "WORDS = read('/dev/null')"
    (problem,) = [p for p in project.problems(sound.exporting(source)) if p.rule == "import-effects"]
    assert problem.severity == "warning" and "through 'read': open()" in problem.message
    assert project.module("trial").exists()


def test_what_logic_uses_is_reported_once_as_impure(project: Any, sound: Any) -> None:
    source = READ + "WORDS = read('/dev/null')\n\n\ndef crowded(faces: list[Face]) -> bool:\n    return 'x' in WORDS"
    found = [(p.rule, p.line) for p in project.problems(sound.exporting(source)) if p.severity != "info"]
    assert found == [("files", 2)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("async def fetched(name):\n    return name", [1]),
        ("class Client:\n    async def fetched(self):\n        return [y async for y in self]", [2]),
        ("def fetched():\n    async def inner():\n        return 1\n\n    return inner", [2]),
        ("async def outer():\n    async def inner():\n        return 1\n\n    await inner()", [1]),
        ("async def one():\n    yield 1\n\n\nasync def two():\n    return 2", [1, 5]),
        ("def awaited(name):\n    return name", []),
    ],
)
def test_an_async_function_is_reported_once(source: str, expected: list[int], project: Any, sound: Any) -> None:
    assert lines("async-code", source, project, sound) == expected


def test_an_async_step_is_one_defect(project: Any, sound: Any) -> None:
    source = "async def crowded(faces: list[Face]) -> bool:\n    return True"
    rules = [problem.rule for problem in project.problems(sound.exporting(source))]
    assert "plain-function" in rules and "async-code" not in rules
