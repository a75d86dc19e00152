"""Rules of form: tags, the parameters cell, and the names every use case has."""

from __future__ import annotations

import ast
import difflib
import math
from collections.abc import Iterator
from typing import Any

from workbench.draft import EXPORT, PARAMETERS, Draft
from workbench.problems import Problem, at
from workbench.rules.catalogue import rule
from workbench.rules.places import at_node, bound_names

TAGS = (EXPORT, PARAMETERS, "metrics")


@rule("tags")
def tags(draft: Draft) -> Iterator[Problem]:
    """Tags are spelt right, given once, and mark code cells.

    A cell with a misspelt tag would silently stay out of the module.
    """
    for cell in draft.notebook.cells:
        for tag in dict.fromkeys(cell.tags):
            if cell.tags.count(tag) > 1:
                yield at(draft.notebook, cell, "tags", f"the tag {tag!r} is given twice", "remove one")
            if tag in (EXPORT, PARAMETERS) and cell.kind != "code":
                yield at(draft.notebook, cell, "tags", f"{tag!r} marks a {cell.kind} cell", "only code is built")
            if tag not in TAGS and (close := near_miss(tag)):
                yield at(draft.notebook, cell, "tags", f"unknown tag {tag!r}", f"did you mean {close!r}?")
        if EXPORT in cell.tags and PARAMETERS in cell.tags:
            hint = "keep 'parameters': it is built too"
            yield at(draft.notebook, cell, "tags", "a cell is tagged both 'export' and 'parameters'", hint)


def near_miss(tag: str) -> str | None:
    folded = tag.strip().lower()
    close = difflib.get_close_matches(folded, TAGS, n=1, cutoff=0.75)
    return close[0] if close else None


@rule("one-parameters-cell")
def one_parameters_cell(draft: Draft) -> Iterator[Problem]:
    """There is exactly one cell tagged `parameters`.

    It is where a stage's values, and papermill's, are put in. It may be empty but for a comment.
    """
    cells = draft.notebook.tagged(PARAMETERS)
    if not cells:
        hint = "tag the cell with the thresholds 'parameters'; it may be empty but for a comment"
        yield at(draft.notebook, None, "one-parameters-cell", "no cell is tagged 'parameters'", hint)
    for cell in cells[1:]:
        message = f"a second cell is tagged 'parameters'; the first is cell {cells[0].number}"
        yield at(draft.notebook, cell, "one-parameters-cell", message, "move its lines there")


@rule("parameter-form")
def parameter_form(draft: Draft) -> Iterator[Problem]:
    """The parameters cell holds annotated assignments of literals, JSON types only (and imports).

    A value can then be shown, changed by a stage and compared between versions. The comment behind it is its
    description.

    Bad:
        people_max = 3
        share_max: float = 1 / 3

    Good:
        people_max: int = 3  # more people than this: review
    """
    parsed = next((parsed for parsed in draft.exported if PARAMETERS in parsed.cell.tags), None)
    hint = "name: type = literal  # what it means"
    seen: set[str] = set()
    for node in parsed.tree.body if parsed and parsed.tree else ():
        if isinstance(node, (ast.Import, ast.ImportFrom)) or _is_docstring(node):
            continue
        if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value):
            yield at_node(draft, "parameter-form", "not an annotated assignment with a value", hint, node)
        elif node.target.id in seen:
            message = f"the parameter {node.target.id!r} is already there"
            yield at_node(draft, "parameter-form", message, "remove one of the two", node)
        elif reason := _not_json(node.value):
            message = f"the default of {node.target.id!r} is not a JSON literal: {reason}"
            yield at_node(draft, "parameter-form", message, hint, node.value)
        seen.add(getattr(getattr(node, "target", None), "id", ""))


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _not_json(node: ast.expr) -> str | None:
    try:
        return _not_json_value(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return "it is computed"


def _not_json_value(value: Any) -> str | None:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            return "a key is no text"
        return next((reason for item in value.values() if (reason := _not_json_value(item))), None)
    if isinstance(value, list):
        return next((reason for item in value if (reason := _not_json_value(item))), None)
    if isinstance(value, float) and not math.isfinite(value):
        return "it is not finite"
    return None if isinstance(value, (str, int, float, bool, type(None))) else f"it is a {type(value).__name__}"


@rule("required", whole=True)
def required(draft: Draft) -> Iterator[Problem]:
    """`Request`, `Decision` and `decide` are exported.

    They are what the service asks of every use case.

    Bad:
        def decision(crowded: bool) -> Decision:
            return Decision(outcome="review" if crowded else "approve")
    """
    kinds = {"Request": "class Request(BaseModel)", "Decision": "class Decision(BaseModel)"}
    for name, form in {**kinds, "decide": "def decide(...) -> Decision"}.items():
        if name not in draft.bindings:
            hint = f"export {form}"
            if any(name in bound_names(parsed) for parsed in draft.others):
                hint = f"{name} is in a cell that is not exported: tag it 'export'"
            yield at(draft.notebook, None, "required", f"no exported cell defines {name}", hint)
