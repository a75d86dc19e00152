"""A draft: a notebook parsed once, rendered as a module, with every line's way back to its cell.

Each cell is parsed by itself, so an unclosed bracket cannot swallow the next cell, but at its lines
in the module; so the cells' syntax trees make up the module's tree.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import CodeType
from typing import Any, TypeVar

from workbench.bindings import bound, walk
from workbench.files import OWNED
from workbench.magics import without_magics
from workbench.notebook import Cell, Notebook

Found = TypeVar("Found")

EXPORT, PARAMETERS = "export", "parameters"
HEADER = f"{OWNED.decode()}{{path}}. Edit the notebook, not this file.\n# ruff: noqa\n# mypy: ignore-errors\n"
BIND = "from chalicelib.usecase import bind as __bind__; __bind__(globals(){names})  # the stage's overrides\n"


@dataclass(frozen=True, slots=True)
class Parsed:
    """One code cell's syntax tree, with the module's line numbers when it is exported.

    ``error`` is set instead when it does not parse; ``first`` is its first line in the module.
    """

    cell: Cell
    tree: ast.Module | None
    error: SyntaxError | None = None
    first: int = 1


@dataclass(frozen=True)
class Draft:
    """What a notebook would become. ``exported`` are its exported and parameters cells, in order."""

    notebook: Notebook
    code: str
    exported: tuple[Parsed, ...]
    others: tuple[Parsed, ...]
    parameters: tuple[str, ...] = field(default=())
    requirements: frozenset[str] | None = None  # what requirements.txt names; None where there is none
    answered: Mapping[str, frozenset[str]] = field(default_factory=dict)  # stage -> the names under its `providers:`
    _walked: dict[ast.stmt, list[ast.AST]] = field(default_factory=dict, repr=False, compare=False)
    _found: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def tree(self) -> ast.Module:
        """The module's tree: the cells', the rendered bind call left out."""
        body = [statement for parsed in self.exported if parsed.tree for statement in parsed.tree.body]
        return ast.Module(body=body, type_ignores=[])

    @property
    def parses(self) -> bool:
        return all(parsed.tree for parsed in self.exported)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the module's tree."""
        return [node for statement in self.tree.body for node in self.nodes_of(statement)]

    @cached_property
    def by_kind(self) -> dict[type[ast.AST], list[Any]]:
        """Every node of the module's tree by its class: a rule asks for calls and sees only those."""
        found: dict[type[ast.AST], list[Any]] = {}
        for node in self.nodes:
            found.setdefault(node.__class__, []).append(node)
        return found

    def once(self, make: Callable[[Draft], Found]) -> Found:
        """What ``make`` finds in this draft, found once and shared by the rules that ask for it."""
        if make not in self._found:
            self._found[make] = make(self)
        found: Found = self._found[make]
        return found

    def nodes_of(self, statement: ast.stmt) -> list[ast.AST]:
        """Every node of a top-level statement; walked once, asked for by many rules."""
        nodes = self._walked.get(statement)
        if nodes is None:
            nodes = self._walked[statement] = walk(statement)
        return nodes

    @cached_property
    def compiled(self) -> CodeType | Exception:
        """The module's code, compiled; or why it cannot be."""
        try:
            code: CodeType = compile(self.code, self.filename, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return error
        return code

    @property
    def filename(self) -> str:
        """What the compiled code names as its file."""
        return f"<{self.notebook.path}>"

    @cached_property
    def lines(self) -> list[tuple[int, int, int, str]]:
        """(first, last module line, cell number, cell id) of each cell."""
        return [
            (parsed.first, parsed.first + parsed.cell.source.count("\n"), parsed.cell.number, parsed.cell.id)
            for parsed in self.exported
        ]

    def place(self, line: int) -> tuple[Parsed | None, int]:
        """The cell and the 1-based line in it of a line of the module."""
        for parsed, (first, last, _, _) in zip(self.exported, self.lines, strict=True):
            if first <= line <= last:
                return parsed, line - first + 1
        return None, 0

    @cached_property
    def bindings(self) -> dict[str, list[tuple[Parsed, ast.stmt]]]:
        """Exported name -> the top-level statements that bind it."""
        found: dict[str, list[tuple[Parsed, ast.stmt]]] = {}
        inner = "global" in self.code or ":=" in self.code
        for parsed in self.exported:
            for statement in parsed.tree.body if parsed.tree else ():
                for name in dict.fromkeys(name for name, _ in bound(statement, inner)):
                    found.setdefault(name, []).append((parsed, statement))
        return found

    @cached_property
    def functions(self) -> dict[str, tuple[Parsed, ast.FunctionDef | ast.AsyncFunctionDef]]:
        """The exported functions, by name; the last of a name counts."""
        return {
            statement.name: (parsed, statement)
            for parsed in self.exported
            for statement in (parsed.tree.body if parsed.tree else ())
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef))
        }


def draft(
    notebook: Notebook,
    requirements: frozenset[str] | None = None,
    answered: Mapping[str, frozenset[str]] | None = None,
) -> Draft:
    """Parse and render a notebook's exported cells, verbatim and in order."""
    chunks = [HEADER.format(path=notebook.path)]
    line = chunks[0].count("\n") + 1
    exported: list[Parsed] = []
    others: list[Parsed] = []
    parameters: tuple[str, ...] | None = None
    for cell in notebook.code:
        is_parameters = PARAMETERS in cell.tags
        if not is_parameters and EXPORT not in cell.tags:
            others.append(_parse_scratch(cell))
            continue
        marker = f"\n# %% {notebook.path} cell {cell.number} [{cell.id}]\n"
        parsed = _parse(cell, line + marker.count("\n"))
        exported.append(parsed)
        chunk = marker + cell.source + "\n"
        if is_parameters and parameters is None:
            parameters = _parameter_names(parsed)
            chunk += BIND.format(names="".join(f', "{name}"' for name in parameters))
        chunks.append(chunk)
        line += chunk.count("\n")
    code = "".join(chunks)
    return Draft(notebook, code, tuple(exported), tuple(others), parameters or (), requirements, answered or {})


def _parse_scratch(cell: Cell) -> Parsed:
    """An unexported cell: its magics are left out, so that the rest can be looked at."""
    parsed = _parse(cell, 1)
    if parsed.tree is not None:
        return parsed
    plain, magics = without_magics(cell.source)
    return Parsed(cell, _parse(replace(cell, source=plain), 1).tree, parsed.error) if magics else parsed


def _parse(cell: Cell, first: int) -> Parsed:
    try:
        return Parsed(cell, ast.parse("\n" * (first - 1) + cell.source), None, first)
    except SyntaxError as error:
        error.lineno = max((error.lineno or first) - first + 1, 1)
        return Parsed(cell, None, error, first)
    except (ValueError, RecursionError, MemoryError) as error:  # a NUL, a lone surrogate, absurd nesting
        return Parsed(cell, None, SyntaxError(str(error) or "nested too deeply"), first)


def _parameter_names(parsed: Parsed) -> tuple[str, ...]:
    return tuple(
        statement.target.id
        for statement in (parsed.tree.body if parsed.tree else ())
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value
    )
