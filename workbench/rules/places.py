"""Where a problem is: from the module's lines back to the notebook's cells."""

from __future__ import annotations

import ast

from chalicelib.errors import Fault
from workbench.bindings import bound
from workbench.draft import PARAMETERS, Draft, Parsed
from workbench.problems import Problem, at


def at_node(draft: Draft, rule: str, message: str, hint: str, node: ast.AST) -> Problem:
    line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
    return at_place(draft, rule, message, hint, line, column)


def at_place(draft: Draft, rule: str, message: str, hint: str, line: int, offset: int) -> Problem:
    """A problem at a line of the module; ``offset`` counts UTF-8 bytes from 0, as syntax trees do."""
    parsed, line = draft.place(line)
    if parsed is None:
        return at(draft.notebook, None, rule, message, hint)
    return at(draft.notebook, parsed.cell, rule, message, hint, line, column(parsed, line, offset))


def column(parsed: Parsed, line: int, offset: int) -> int:
    """The 1-based column in characters of a place given in UTF-8 bytes from 0."""
    text = parsed.cell.source.split("\n")[line - 1] if line else ""
    return (offset if text.isascii() else len(text.encode()[:offset].decode(errors="ignore"))) + 1


def from_fault(draft: Draft, fault: Fault) -> Problem:
    """A fault of the contract, placed in its cell: by its line, or by what binds its name."""
    node = None if fault.line else _binding(draft, getattr(fault, "name", ""))
    if node is not None:
        return at_node(draft, fault.rule, fault.message, fault.hint, node)
    return at_place(draft, fault.rule, fault.message, fault.hint, fault.line, 0)


def _binding(draft: Draft, name: str) -> ast.AST | None:
    """The last statement that binds a name; for ``Request.field`` the field's, where the class is written out."""
    name, _, inner = name.partition(".")
    bindings = draft.bindings.get(name, [])
    if name in draft.parameters:
        bindings = [binding for binding in bindings if PARAMETERS in binding[0].cell.tags]
    statements = [statement for _, statement in bindings]
    if not inner or not statements:
        return statements[-1] if statements else None
    for statement in reversed(statements):
        for node in statement.body if isinstance(statement, ast.ClassDef) else ():
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == inner:
                return node
    return statements[-1]


def bound_names(parsed: Parsed) -> set[str]:
    return {name for name, _ in bound(parsed.tree)} if parsed.tree else set()


def words(text: str) -> frozenset[str]:
    """The words of a text: how a rule lists many names."""
    return frozenset(text.split())
