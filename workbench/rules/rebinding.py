"""Rules of rebinding: a name means in the module what it means in the notebook, and to every stage."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from workbench.bindings import bound
from workbench.draft import PARAMETERS, Draft, Parsed
from workbench.problems import Problem, at
from workbench.rules.catalogue import rule
from workbench.rules.places import at_node, column

INJECTED = "injected-parameters"  # papermill's cell: it rebinds parameters on purpose


@rule("rebinding")
def rebinding(draft: Draft) -> Iterator[Problem]:
    """A name means in the module what it means in the notebook, and to every stage.

    No unexported cell rebinds an exported name: the notebook would run other code than is built. No exported code
    after the parameters cell gives a parameter a value: a stage's would be lost.

    Bad:
        faces_max = 5
    """
    yield from _rebound_outside(draft)
    yield from _parameter_rebound(draft)


def _rebound_outside(draft: Draft) -> Iterator[Problem]:
    for parsed in draft.others:
        if INJECTED in parsed.cell.tags or parsed.tree is None:
            continue
        for name, node in bound(parsed.tree):
            if name in draft.bindings and not _same_import(draft, name, node):
                yield _rebound(draft, parsed, name, node)


def _rebound(draft: Draft, parsed: Parsed, name: str, node: ast.AST) -> Problem:
    where = draft.bindings[name][0][0].cell.number
    message = f"this cell is not exported, but rebinds {name!r} of cell {where}"
    line, start = getattr(node, "lineno", 1), column(parsed, getattr(node, "lineno", 1), getattr(node, "col_offset", 0))
    return at(draft.notebook, parsed.cell, "rebinding", message, "use another name", line, start)


def _same_import(draft: Draft, name: str, node: ast.AST) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom)) and all(
        isinstance(statement, type(node)) and _origin(statement, name) == _origin(node, name)
        for _, statement in draft.bindings[name]
    )


def _origin(node: Any, name: str) -> set[Any]:
    """What an import binds to a name: ``import os.path`` binds ``os``."""
    return {
        (getattr(node, "module", None), getattr(node, "level", 0), alias.name if alias.asname else first)
        for alias in node.names
        for first in [alias.name if isinstance(node, ast.ImportFrom) else alias.name.split(".")[0]]
        if (alias.asname or first) == name
    }


def _parameter_rebound(draft: Draft) -> Iterator[Problem]:
    cell = next((parsed.cell for parsed in draft.exported if PARAMETERS in parsed.cell.tags), None)
    for name in dict.fromkeys(draft.parameters):
        for parsed, statement in draft.bindings[name]:
            if cell is not None and parsed.cell.number > cell.number:
                message = f"{name!r} is a parameter: a value given here takes the place of what a stage sets"
                yield at_node(draft, "rebinding", message, "use another name", statement)
