"""Set order: logic whose answer's order comes from a set is refused; what cannot see the order is not.

Each snippet is the body of a function `f` that a step calls, in cell 6 of the sound notebook; line 2 is its first.
"""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

CALLED = "\n\n\ndef crowded(faces: list[Face]) -> bool:\n    return bool(f(faces))\n"

ORDERED: dict[str, tuple[str, int]] = {  # name -> (body of f(x), line in it)
    "list of a set": ("return list(set(x))", 1),
    "tuple of a literal": ("return tuple({'a', 'b'})", 1),
    "list of a frozenset": ("return list(frozenset(x))", 1),
    "a comprehension over a literal": ("return [y for y in {'a', 'b'}]", 1),
    "a comprehension over two": ("return [y for z in x for y in {z, 'b'}]", 1),
    "a dict made of one": ("return {y: 1 for y in set(x)}", 1),
    "a loop that appends": ("out = []\nfor y in set(x):\n    out.append(y)\nreturn out", 2),
    "a loop that appends deep inside": (
        "out = []\nfor y in set(x):\n    if y:\n        out.append(y)\nreturn out",
        2,
    ),
    "a loop that returns what it finds": ("for y in {1, 2}:\n    if y in x:\n        return y\nreturn None", 1),
    "a loop that yields": ("for y in {1, 2}:\n    yield y", 1),
    "a loop that fills a dict": ("out = {}\nfor y in {1, 2}:\n    out[y] = 1\nreturn out", 2),
    "a loop that writes a text": ("out = ''\nfor y in {1, 2}:\n    out += f'{y},'\nreturn out", 2),
    "join": ("return ','.join({'a', 'b'})", 1),
    "join of a generator": ("return ','.join(str(y) for y in {'a', 'b'})", 1),
    "join of a map": ("return ','.join(map(str, {'a', 'b'}))", 1),
    "the first": ("return next(iter({'a', 'b'}))", 1),
    "the first that fits": ("return next(y for y in {1, 2} if y in x)", 1),
    "pop": ("y = set(x)\nreturn y.pop()", 2),
    "enumerate": ("return {y: i for i, y in enumerate({'a', 'b'})}", 1),
    "zip": ("return dict(zip({'a', 'b'}, x))", 1),
    "unpacked": ("return [*{'a', 'b'}, 'c']", 1),
    "unpacked into a tuple": ("return 1, *set(x)", 1),
    "unpacked into names": ("a, b = set(x)\nreturn a", 1),
    "extend": ("out = []\nout.extend({'a', 'b'})\nreturn out", 2),
    "a text of it": ("return f'{set(x)}'", 1),
    "str of it": ("return str({'a', 'b'})", 1),
    "max with a key": ("return max({'a', 'b'}, key=len)", 1),
    "a union": ("return list(set(x) | {1})", 1),
    "a difference": ("return list(set(x).difference([1]))", 1),
    "what two dicts have in common": ("a = {1: 2}\nb = {1: 3}\nreturn list(a.keys() & b.keys())", 3),
    "a variable": ("y = set(x)\nreturn list(y)", 2),
    "a name given anew": ("x = set(x)\nreturn list(x)", 2),
    "an annotated variable": ("y: set[str] = x\nreturn list(y)", 2),
    "one of two": ("y = {1} if x else {2, 3}\nreturn list(y)", 2),
    "or": ("return list(x and set(x) or {1})", 1),
    "a walrus": ("return list(x) if (y := set(x)) and x else list(y)", 1),
    "a nested function": ("def g():\n    return list(set(x))\nreturn g()", 2),
    "a set comprehension": ("return list({y for y in x})", 1),
    "not only sorted": ("y = list(set(x))\nz = sorted(y)\nreturn y", 1),
}
FREE = {
    "sorted": "return sorted(set(x))",
    "sorted with a key": "return sorted(set(x), key=len)",
    "sorted after a list": "return sorted(list(set(x)))",
    "sorted after a map": "return sorted(map(str, set(x)))",
    "sorted after a generator": "return sorted(str(y) for y in set(x))",
    "sorted after a comprehension": "return sorted([str(y) for y in set(x)])",
    "a list that is sorted in place": "y = list(set(x))\ny.sort()\nreturn y",
    "a list that is sorted later": "y = []\nfor z in set(x):\n    y.append(z)\nreturn sorted(y)",
    "join of sorted": "return ','.join(sorted({'a', 'b'}))",
    "len": "return len(set(x))",
    "len of a list": "return len([y for y in set(x) if y])",
    "sum": "return sum(y for y in set(x))",
    "min": "return min(set(x))",
    "max of a generator": "return max(len(y) for y in {'a', 'b'})",
    "any": "return any(y for y in set(x))",
    "all": "return all(map(bool, set(x)))",
    "in": "return 1 in {1, 2}",
    "in a list": "return 1 in list(set(x))",
    "set operations": "return {1} | set(x) - {2} & {3} <= {4}",
    "a set comprehension": "return {y for y in set(x)}",
    "a set of a list": "return set(list(set(x)))",
    "update": "y = set()\ny.update(z for z in {1})\nreturn y",
    "a frozenset": "return frozenset({1, 2})",
    "membership in a comprehension": "allowed = {1, 2}\nreturn [y for y in x if y in allowed]",
    "unique in order": "seen = set()\nout = []\nfor y in x:\n"
    "    if y not in seen:\n        seen.add(y)\n        out.append(y)\nreturn out",
    "a loop that returns True": "for y in {1, 2}:\n    if y in x:\n        return True\nreturn False",
    "a loop that counts": "n = 0\nfor y in {1, 2}:\n    n += 1\nreturn n",
    "a loop that adds to a set": "out = set()\nfor y in {1, 2}:\n    out.add(y)\nreturn len(out)",
    "a name given another value": "y = set(x)\ny = sorted(y)\nreturn list(y)",
    "a dict": "y = {1: 2}\nreturn list(y)",
    "keys": "y = {1: 2}\nreturn list(y.keys())",
    "an empty dict": "y = {}\nreturn list(y)",
    "an argument that is none": "return list(x)",
    "an own set": "set = list\nreturn list(set(x))",
    "a dict that is looked up": "y = {z: 1 for z in set(x)}\nreturn y[1] + y.get(2, 0)",
    "a list's pop": "y = list(x)\nreturn y.pop()",
    "the only one": "y = set(x)\nif len(y) == 1:\n    return next(iter(y))\nreturn None",
    "the only one, unpacked": "y = set(x)\n(z,) = y\nreturn z",
    "dict.fromkeys of a list": "return list(dict.fromkeys(x))",
    "a difference of numbers": "a = 3\nb = 2\nreturn [a - b, a | b]",
    "a dict's union": "a = {1: 2}\nreturn list(a | {3: 4})",
    "a text with a length": "return f'{len(set(x))}'",
    "the words of an error": "raise ValueError(f'{set(x)} and ' + ', '.join({'a', 'b'}))",
    "sorted after a sum": "return sorted(list(set(x)) + [1])",
    "a conversion for a set": "return {1}.union(list({2}))",
}


def orders(source: str, project: Any, sound: Any) -> list[tuple[int, int]]:
    problems = project.problems(sound.exporting(source))
    assert not [problem for problem in problems if problem.rule in ("syntax", "closure", "load")], problems
    return [(problem.cell, problem.line) for problem in problems if problem.rule == "set-order"]


def function(body: str) -> str:
    return "def f(x):\n" + textwrap.indent(body, "    ") + CALLED


@pytest.mark.parametrize("name", ORDERED)
def test_an_order_that_comes_from_a_set_is_reported(name: str, project: Any, sound: Any) -> None:
    body, line = ORDERED[name]
    assert orders(function(body), project, sound) == [(6, line + 1)]


@pytest.mark.parametrize("name", FREE)
def test_what_cannot_see_the_order_is_fine(name: str, project: Any, sound: Any) -> None:
    assert orders(function(FREE[name]), project, sound) == []


TYPED = {  # how a step's argument or a value is known to be a set -> (code, line)
    "an annotated argument": ("def crowded(faces: set[int]) -> bool:\n    return list(faces)[0] > 1", 2),
    "an optional set": ("def crowded(faces: frozenset[int] | None) -> bool:\n    return list(faces)[0] > 1", 2),
    "a type of typing": (
        "from typing import AbstractSet\n\n\ndef f(x: AbstractSet[int]):\n    return list(x)" + CALLED,
        5,
    ),
    "what a step returns": (
        "def labels(user_id) -> set[str]:\n    return {user_id}\n\n\n"
        "def crowded(labels) -> bool:\n    return list(labels)[0] > 'a'",
        6,
    ),
    "what a helper returns": (
        "def labels(x) -> frozenset[str]:\n    return x\n\n\ndef f(x):\n    return list(labels(x))" + CALLED,
        6,
    ),
    "a constant": ("WORDS = {'a', 'b'}\n\n\ndef f(x):\n    return [y for y in WORDS]" + CALLED, 5),
    "an annotated constant": (
        "from typing import Final\n\nWORDS: Final[frozenset[str]] = frozenset('a')\n\n\n"
        "def f(x):\n    return list(WORDS)" + CALLED,
        7,
    ),
    "a constant's order": ("ORDER = list({'a', 'b'})\n\n\ndef f(x):\n    return ORDER" + CALLED, 1),
    "a field of a model": (
        "class Note(BaseModel):\n    words: set[str]\n\n\ndef f(note: Note):\n    return list(note.words)" + CALLED,
        6,
    ),
    "a set for a model's list": (
        "class Note(BaseModel):\n    words: list[str]\n\n\ndef f(x):\n    return Note(words=set('ab'))" + CALLED,
        6,
    ),
}


@pytest.mark.parametrize("name", TYPED)
def test_annotations_and_constants_say_what_is_a_set(name: str, project: Any, sound: Any) -> None:
    source, line = TYPED[name]
    assert orders(source, project, sound) == [(6, line)]


def test_a_task_and_its_helpers_may_order_as_they_like(project: Any, sound: Any) -> None:
    source = (
        "def f(x):\n    return list(set(x))\n\n\n@task(timeout=5)\ndef odd(user_id: str) -> list[str]:\n"
        "    return f(user_id) + list({'a', 'b'})\n\n\ndef crowded(odd) -> bool:\n    return bool(odd)"
    )
    assert orders(source, project, sound) == []


@pytest.mark.parametrize(("kind", "count"), [("set[str]", 1), ("frozenset[str] | None", 1), ("list[str]", 0)])
def test_a_set_in_the_decision_is_reported(kind: str, count: int, project: Any, sound: Any) -> None:
    models = sound.source("models") + f"\n    reasons: {kind} = None\n"
    problems = [problem for problem in project.problems(sound(models=models)) if problem.rule == "set-order"]
    assert [(problem.cell, problem.line, problem.column) for problem in problems] == [(2, 16, 14)] * count


def test_the_message_says_what_takes_the_order(project: Any, sound: Any) -> None:
    (problem,) = [
        p for p in project.problems(sound.exporting(function("return list(set(x))"))) if p.rule == "set-order"
    ]
    assert problem.message == "'crowded' takes its order from a set through 'f': list()"
    assert (problem.hint, problem.column) == ("sorted(…) gives the same order everywhere", 12)
