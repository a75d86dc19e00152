"""The rule of use: what ships is there for a decision."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from workbench.bindings import Function, walk
from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.closure import undefined_names
from workbench.rules.contract import is_task, is_task_decorator, resolved
from workbench.rules.places import at_node

Definition = Function | ast.ClassDef
ROOTS = ("decide", "Request", "Decision")


@rule("unused-export", "warning", whole=True, optional=True)
def unused_export(draft: Draft) -> Iterator[Problem]:
    """Every exported function and class is used by a decision.

    `decide` reaches it by argument names, or code that is reached mentions it. What nothing reaches ships for
    nothing, and is often a step whose name was forgotten among the arguments of `decide`. A helper that only the
    notebook's validation calls belongs into a cell that is not exported.

    Bad:
        def brightness(photo) -> float:
            return 0.5

    Good:
        def half(count: int) -> float:
            return count / 2

        HALF = half(3)
    """
    if "decide" not in draft.functions or not all(name in draft.bindings for name in ROOTS):
        return  # nothing is used by what is not there
    unused = _unused(draft, frozenset())
    if not unused or draft.once(resolved) or draft.once(undefined_names) or _looks_up(draft):
        return  # a name that is spelt wrong is why another is not reached
    for name in _unused(draft, _quoted_types(draft)):
        node = next(statement for _, statement in draft.bindings[name] if isinstance(statement, Definition))
        message = f"nothing that decide needs uses {name!r}"
        yield at_node(draft, "unused-export", message, _hint(draft, name, node), node)


def _looks_up(draft: Draft) -> bool:
    """Names that are computed may be any."""
    return any("globals()" in parsed.cell.source for parsed in draft.exported)


def _unused(draft: Draft, used: frozenset[str]) -> list[str]:
    """Definitions that are not reached from ``decide``, the models, ``used`` and what runs on import."""
    definitions: dict[str, list[Definition]] = {}
    waiting: list[ast.stmt] = []
    for statement in draft.tree.body:
        if isinstance(statement, Definition):
            definitions.setdefault(statement.name, []).append(statement)
        if _is_root(statement) or getattr(statement, "name", "") in used:
            waiting.append(statement)
    left = dict(definitions)
    while waiting and left:
        names = _mentioned(draft, waiting.pop())
        for name in left.keys() & names:
            waiting += left.pop(name)
    roots = {statement for statement in draft.tree.body if _is_root(statement)}
    return [name for name, nodes in left.items() if name not in used and not roots.intersection(nodes)]


def _is_root(statement: ast.stmt) -> bool:
    """What runs when the module is loaded, and what the service asks for. A decorator may keep what it is given."""
    if not isinstance(statement, Definition):
        return True
    decorated = not all(map(is_task_decorator, statement.decorator_list))
    return decorated or statement.name in ROOTS or statement.name.startswith("__")


def _mentioned(draft: Draft, statement: ast.stmt) -> set[str]:
    names = {node.id for node in draft.nodes_of(statement) if isinstance(node, ast.Name)}
    if isinstance(statement, Function):
        arguments = statement.args
        names |= {argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    return names


def _quoted_types(draft: Draft) -> frozenset[str]:
    """The names in annotations that are written as text, ``"Crowd | None"``."""
    annotations = [
        annotation
        for node in draft.nodes
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if isinstance(annotation, ast.expr)
    ]
    literal = {
        inner
        for annotation in annotations
        for node in walk(annotation)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Literal")
        for inner in walk(node.slice)
    }
    texts = [
        node.value
        for annotation in annotations
        for node in walk(annotation)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in literal
    ]
    return frozenset(re.findall(r"\w+", " ".join(texts)))


def _hint(draft: Draft, name: str, node: Definition) -> str:
    for parsed in draft.others:
        if parsed.tree and any(isinstance(used, ast.Name) and used.id == name for used in walk(parsed.tree)):
            return f"only cell {parsed.cell.number}, which is not exported, uses it: move it to such a cell"
    if isinstance(node, Function) and is_task(node):
        return f"take {name!r} as an argument of a step, or remove the task"
    what = "class" if isinstance(node, ast.ClassDef) else "function"
    return f"use it, remove it, or move the {what} to a cell that is not exported"
