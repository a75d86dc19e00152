"""Whatever Python stands in the cells, the module has the same code, and every line its way back."""

from __future__ import annotations

import ast
import io
import json
import traceback
from types import CodeType
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.usecase import Source
from workbench.draft import Draft, draft
from workbench.notebook import Cell, Notebook, read

ODD_TEXTS = [
    "# %% [markdown]",
    '"""',
    "'''",
    "한국어 🌏",
    "\f",
    "\\",
    "{x}",
    "%time",
    "!ls",
    "#",
    "\u2028",
    "\x85",
    "\x1c",
    "\x0b",
    "\u2029",
    "]",
]
ODD_BITS = st.sampled_from([*ODD_TEXTS, "a", " ", "\n", "\t"])
VALUES = st.lists(ODD_BITS, max_size=6).map("".join)


def triple(value: str) -> str:
    """The value as a text over several lines, where it can be one; lines that end in a backslash go on."""
    plain = value.replace("\\", "\\\\").replace('"""', '""\\"')
    return f'"""{plain}"""' if not plain.endswith('"') else repr(value)


STATEMENTS = st.one_of(
    VALUES.map(lambda value: f"text = {value!r}"),
    VALUES.map(lambda value: f"text = {triple(value)}"),
    VALUES.map(lambda value: f"text = {triple(value + chr(92) + chr(10))}"),
    VALUES.map(lambda value: f"f({value!a},  # {value.translate({10: 32, 12: 32})}\n  2)"),
    VALUES.map(lambda value: "# " + value.replace("\n", " ")),
    st.sampled_from(
        [
            "",
            "한국어 = 1  # 끝",
            "\fx = 1",
            "x = 1 \\\n  + 2",
            "def f(*a):\n\n    return a  # \\",
            "class A:\n    '''A\n    # %% b\n    '''\n    x = 1",
            "if x:\n\tpass\nelse:\n\tpass",
            "x = [\n    1,\n\n    # two\n    2,\n]",
            "x = 1; y = 2",
            "@staticmethod\n# between\n@classmethod\ndef g(*a): return 0",
            "\f",
            "\t# tabbed",
            '"""a docstring"""',
            "   ",
            "print(f'{x!r:>{y}} # %%')",
            "text = 'a \\\n  b'",
        ]
    ),
)
SOURCES = st.builds(
    lambda parts, ending: "\n".join(parts) + ending,
    st.lists(STATEMENTS, min_size=1, max_size=5),
    st.sampled_from(["", "\n", "\n\n\n", "  # no newline", "\n# ends in a backslash \\"]),
).filter(lambda source: parses(source))
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
TAGS = st.sampled_from([("export",), ("export",), ("parameters",), (), ("slow",)])
CELLS = st.lists(st.tuples(SOURCES, TAGS), min_size=1, max_size=5)


def parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def drafted(cells: list[tuple[str, tuple[str, ...]]]) -> Draft:
    made = [Cell(number, f"id-{number}", "code", source, tags) for number, (source, tags) in enumerate(cells, 1)]
    return draft(Notebook("usecases/trial.ipynb", "trial", tuple(made), ""))


def without_bind(tree: ast.Module) -> list[str]:
    """Every statement but the two that the build adds."""
    added = {"from chalicelib.usecase import bind as __bind__"}
    texts = [(ast.unparse(node), ast.dump(node)) for node in tree.body]
    return [dump for text, dump in texts if text not in added and not text.startswith("__bind__(globals()")]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cells=CELLS)
def test_the_modules_code_is_the_exported_cells_code_in_order(cells: Any) -> None:
    made = drafted(cells)
    exported = [source for source, tags in cells if "export" in tags or "parameters" in tags]
    expected = [ast.dump(node) for source in exported for node in ast.parse(source).body]
    assert made.parses
    assert without_bind(ast.parse(made.code)) == expected
    assert [ast.dump(node) for node in made.tree.body] == expected


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cells=CELLS)
def test_every_line_of_every_exported_cell_is_found_again_and_no_other(cells: Any) -> None:
    made = drafted(cells)
    lines = list(io.StringIO(made.code, newline="\n"))  # as Python counts lines: form feeds and U+2028 end none
    back: dict[int, list[str]] = {}
    for number, line in enumerate(lines, 1):
        parsed, at = made.place(number)
        if parsed is None:
            assert at == 0
            continue
        found = back.setdefault(parsed.cell.number, [])
        found.append(line.removesuffix("\n"))
        assert len(found) == at
    exported = {number: source for number, (source, tags) in enumerate(cells, 1) if {"export", "parameters"} & {*tags}}
    assert {number: "\n".join(found) for number, found in back.items()} == exported


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cells=CELLS)
def test_every_statement_is_on_the_line_that_the_tree_says(cells: Any) -> None:
    made = drafted(cells)
    rendered = {(node.lineno, node.col_offset): ast.dump(node) for node in ast.parse(made.code).body}
    for node in made.tree.body:
        assert rendered[node.lineno, node.col_offset] == ast.dump(node)
        parsed, line = made.place(node.lineno)
        assert parsed is not None
        original = {(inner.lineno, inner.col_offset): ast.dump(inner) for inner in ast.parse(parsed.cell.source).body}
        assert original[line, node.col_offset] == ast.dump(node)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(source=SOURCES, line_end=LINE_ENDS, as_list=st.booleans())
def test_line_ends_of_any_kind_mean_the_same_code(source: str, line_end: str, as_list: bool) -> None:
    text = source.replace("\n", line_end)
    written = text.splitlines(keepends=True) if as_list else text
    cell = {"cell_type": "code", "id": "one", "metadata": {"tags": ["export"]}, "source": written}
    notebook = read("usecases/trial.ipynb", "trial", json.dumps({"nbformat": 4, "cells": [cell]}).encode())
    made = draft(notebook)
    assert notebook.cells[0].source == source
    assert without_bind(ast.parse(made.code)) == [ast.dump(node) for node in ast.parse(source).body]


BROKEN = st.sampled_from(
    [
        *("x = (1,\n", "'''never\nended", "x = 1 \\", "text = 'a", "def f(:\n    1", "\n\n  x = 1\n y"),
        *("a = \x00", "}", "%%time\n!ls\n"),
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cells=st.lists(st.tuples(st.one_of(SOURCES, BROKEN), st.just(("export",))), min_size=1, max_size=5))
def test_a_cell_that_does_not_parse_swallows_no_other(cells: Any) -> None:
    made = drafted(cells)
    for parsed, (source, _) in zip(made.exported, cells, strict=True):
        lines = source.count("\n") + 1
        assert made.code.split("\n")[parsed.first - 1 : parsed.first - 1 + lines] == source.split("\n")
        assert made.place(parsed.first) == (parsed, 1)
        assert made.place(parsed.first + lines - 1) == (parsed, lines)
        assert (parsed.tree is None) == (not parses(source))


def source_of(made: Draft) -> Source:
    """What the manifest would hold of a module, for the way back at run time."""
    return Source(made.notebook.path, tuple(made.lines), {}, made.filename)


def lines_of(code: CodeType) -> set[int]:
    """Every line of a code object, and of those within."""
    found = {line for _, _, line in code.co_lines() if line}
    return found.union(*(lines_of(inner) for inner in code.co_consts if isinstance(inner, CodeType)))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cells=CELLS)
def test_the_compiled_modules_lines_are_the_cells_own(cells: Any) -> None:
    """Of two spare statements around each cell's code, so that no docstring or last line is special."""
    made = drafted([(f"0 .real\n{source}\n0 .real", ("export",)) for source, _ in cells])
    assert isinstance(made.compiled, CodeType)
    places = [source_of(made).place(made.filename, line) for line in lines_of(made.compiled)]
    found = {(place.cell, place.line) for place in places if place}
    for number, parsed in enumerate(made.exported, 1):
        expected = lines_of(compile(parsed.cell.source, "cell", "exec"))
        assert {line for cell, line in found if cell == number} == expected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(cells=CELLS, at=st.integers(0, 4))
def test_what_raises_names_its_cell_and_line(cells: Any, at: int) -> None:
    at = at % len(cells)
    raising = cells[at][0] + "\ndef deeper():\n    # here\n    raise LookupError\n\ndeeper()"
    made = drafted([(raising if number == at else source, ("export",)) for number, (source, _) in enumerate(cells)])
    assert isinstance(made.compiled, CodeType)
    frames: list[traceback.FrameSummary] = []
    try:
        exec(made.compiled, {"x": 1, "y": 2, "f": lambda *values: None, "__name__": "trial"})
    except LookupError as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == made.filename]
    places = [source_of(made).place(made.filename, frame.lineno or 0) for frame in frames]
    end = raising.count("\n") + 1
    assert [(place.cell, place.line) for place in places if place] == [(at + 1, end), (at + 1, end - 2)]
