"""Where a problem is: from the module's lines back to the notebook's cells."""

from __future__ import annotations

import ast

from chalicelib.errors import Fault
from workbench.bindings import bound
from workbench.draft import Draft, Parsed
from workbench.problems import Problem, at


def at_node(draft: Draft, rule: str, message: str, hint: str, node: ast.AST) -> Problem:
    parsed, line = draft.place(getattr(node, "lineno", 0))
    cell = parsed.cell if parsed else None
    return at(draft.notebook, cell, rule, message, hint, line, getattr(node, "col_offset", 0) + 1)


def from_fault(draft: Draft, fault: Fault) -> Problem:
    """A fault of the contract, placed in its cell."""
    parsed, line = draft.place(fault.line)
    cell = parsed.cell if parsed else None
    return at(draft.notebook, cell, fault.rule, fault.message, fault.hint, line, 1 if line else 0)


def bound_names(parsed: Parsed) -> set[str]:
    return {name for name, _ in bound(parsed.tree)} if parsed.tree else set()
