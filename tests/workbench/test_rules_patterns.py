"""Patterns that backtrack without end are found, whatever way they are written; the others are left in peace."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from workbench.regexes import growth

EXPONENTIAL = [
    r"(a+)+$",
    r"(a*)*b",
    r"(a|aa)+$",
    r"(?:a|b|ab)*c",
    r"(\w+\s?)*$",
    r"(?:[a-z]+,?)+!",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(x+x+)+y",
    r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*@[a-z0-9]+$",
]
POLYNOMIAL = [r"\d+\d+\d+\d+x", r".*.*.*x", r"(.*)\d+(.*)\d+z"]
FAST = [
    r"[a-z]+",
    r"^\s+|\s+$",
    r"(\d+),(\d+),(\d+)x",
    r"[a-z]+@[a-z]+\.[a-z]+",
    r"(?:[a-z]+,)*[a-z]+!",
    r"[a-z]+(?:,[a-z]+)*!",
    r"<.*>.*</.*>",  # of the second power
    r'(?:"[^"]*"|[^",])*$',
    r"\A(?:[^<]|<[^>]*>)*\Z",
    r"(\s*,\s*)+x",
    r"^\s*(\w+)\s*=\s*(.*?)\s*$",
    r"(?<!\d)(?:19|20)\d\d[ .\-/]{1,3}\d{1,2}(?!\d)",
    r"(?:a|bc)(?:a|bc)(?:a|bc)" * 10 + "x*y*",  # a billion ways through its alternatives
    r"(?>a+)+b",
    r"(?:a+b)++c",
    r"(",
    r"",
]


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_exponential(pattern: str) -> None:
    assert growth(pattern)[0] == "exponential"


@pytest.mark.parametrize("pattern", POLYNOMIAL)
def test_of_the_third_power_or_more(pattern: str) -> None:
    assert growth(pattern)[0] == "polynomial"


@pytest.mark.parametrize("pattern", FAST)
def test_fast_enough(pattern: str) -> None:
    assert growth(pattern) == ("", "")


def test_it_warns_of_nothing_itself() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert growth("(z+)+y")[0] == "exponential"


WRITTEN: dict[str, tuple[str, list[int]]] = {  # name -> (code after `import re`, lines reported)
    "compile": ("X = re.compile(r'(a+)+!')", [2]),
    "a function": ("def f(x):\n    return re.search(r'(a+)+!', x)", [3]),
    "sub": ("def f(x):\n    return re.sub(r'(a+)+!', '', x)", [3]),
    "a keyword": ("X = re.compile(pattern=r'(a+)+!')", [2]),
    "an alias of the module": ("import re as r\n\nX = r.compile(r'(a+)+!')", [4]),
    "an alias of the function": ("from re import compile as pattern\n\nX = pattern(r'(a+)+!')", [4]),
    "a constant": ("P = r'(a+)+!'\nX = re.compile(P)", [3]),
    "a sum": ("X = re.compile(r'(a+' + r')+!')", [2]),
    "an f-string": ("P = 'a+'\nX = re.compile(rf'({P})+!')", [3]),
    "a join": ("X = re.compile('|'.join(['b', '(a+)+!']))", [2]),
    "an escape": ("X = re.compile('(a+' + re.escape('.') + '?)+!')", [2]),
    "a list": ("X = [re.compile(p) for p in ['b', r'(a+)+!']]", [2]),
    "a list of the module": ("P = ('b', r'(a+)+!')\nX = [re.compile(p) for p in P]", [3]),
    "a dict": ("P = {'b': r'(a+)+!'}\nX = {k: re.compile(p) for k, p in P.items()}", [3]),
    "a dict's values": ("P = {'b': r'(a+)+!'}\nX = [re.compile(p) for p in P.values()]", [3]),
    "flags": ("X = re.compile(r'''( a+ )+  # twice\n!''', re.VERBOSE | re.I)", [2]),
    "a task": ("@task(timeout=5)\ndef f(photo: Photo) -> bool:\n    return bool(re.match('(a+)+!', 'x'))", [4]),
    "verbose that is fast": ("X = re.compile(r'a+  # (a+)+!', re.X)", []),
    "flags that are not known": ("def f(flags):\n    return re.compile(r'(a+)+!', flags)", []),
    "a text that is not known": ("def f(x):\n    return re.compile('(' + x + '+)+!')", []),
    "an own compile": ("def compile(x):\n    return x\n\n\nX = compile(r'(a+)+!')", []),
    "pydantic's": (
        "class Note(BaseModel):\n    text: str = Field('', pattern=r'(a+)+!')\n\n\nfrom pydantic import Field",
        [],
    ),
    "no pattern": ("X = r'(a+)+!'", []),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_pattern_is_found_where_it_is_used(name: str, project: Any, sound: Any) -> None:
    source, expected = WRITTEN[name]
    problems = project.problems(sound.exporting("import re\n" + source))
    assert not [problem for problem in problems if problem.rule == "syntax"]
    assert [problem.line for problem in problems if problem.rule == "backtracking"] == expected


def test_what_is_only_slow_is_a_warning(project: Any, sound: Any) -> None:
    problems = project.problems(sound.exporting("import re\n\nX = re.compile(r'\\d+\\d*\\d*\\d*!')"))
    (problem,) = [problem for problem in problems if problem.rule == "slow-pattern"]
    assert (problem.severity, problem.cell, problem.line, problem.column) == ("warning", 6, 3, 16)
    assert project.module("trial").exists()


def test_the_message_shows_the_pattern_and_a_text(project: Any, sound: Any) -> None:
    problems = project.problems(sound.exporting("import re\n\nX = re.compile(r'(a+)+!')"))
    (problem,) = [problem for problem in problems if problem.rule == "backtracking"]
    assert problem.message.startswith("the pattern (a+)+! takes exponentially long on a text like 'aaaa")
    assert "a++" in problem.hint and problem.severity == "error"
