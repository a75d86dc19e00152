"""What plain steps reach: the exported statements that run, or may run, as part of the logic.

A step reaches what its statement names, at any depth: helpers, also those passed by name, classes with
their methods, values computed when the module is loaded, decorators, defaults; and the classes of
what its arguments are. Tasks are not entered: what they do is recorded.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.bindings import Function, walk
from workbench.draft import Draft
from workbench.rules.contract import is_task
from workbench.scopes import Code, Unit
from workbench.scoping import code


@dataclass(frozen=True, slots=True)
class Reach:
    """``paths``: statement -> the names that lead to it, a plain step first; ``fields``: of Request, annotated."""

    code: Code
    steps: dict[str, ast.stmt]
    paths: dict[ast.stmt, tuple[str, ...]]
    fields: dict[str, ast.expr]

    @property
    def units(self) -> Iterator[tuple[Unit, tuple[str, ...]]]:
        return ((self.code.units[statement], path) for statement, path in self.paths.items())


def reach(draft: Draft) -> Reach:
    """Ask for it by ``draft.once(reach)``."""
    walked = draft.once(code)
    fields = request_fields(draft)
    steps = {name: draft.functions[name][1] for name in plain_steps(draft)}
    paths: dict[ast.stmt, tuple[str, ...]] = {statement: (name,) for name, statement in steps.items()}
    waiting: deque[ast.stmt] = deque(paths)
    while waiting:
        statement = waiting.popleft()
        for name in _named(draft, walked, fields, statement):
            for _, further in draft.bindings.get(name, ()):
                if further not in paths and not (isinstance(further, Function) and is_task(further)):
                    paths[further] = (*paths[statement], name)
                    waiting.append(further)
    return Reach(walked, dict(steps), paths, fields)


def plain_steps(draft: Draft) -> list[str]:
    """The plain steps that ``decide`` needs, itself included, as they stand in the notebook."""
    return [name for name in reachable(draft) if not is_task(draft.functions[name][1])]


def reachable(draft: Draft) -> list[str]:
    """Every step that ``decide`` needs, itself and tasks included, as they stand in the notebook."""
    found: set[str] = set()
    waiting = ["decide"]
    while waiting:
        name = waiting.pop()
        if name in draft.functions and name not in found:
            found.add(name)
            waiting += [argument.arg for argument in arguments(draft.functions[name][1])]
    return [name for name in draft.functions if name in found]


def arguments(function: Function | ast.Lambda) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def request_fields(draft: Draft) -> dict[str, ast.expr]:
    """The fields that are written in ``Request`` itself, with their annotations."""
    classes = [node for _, node in draft.bindings.get("Request", ()) if isinstance(node, ast.ClassDef)]
    lines = [line for node in classes[-1:] for line in node.body if isinstance(line, ast.AnnAssign)]
    return {line.target.id: line.annotation for line in lines if isinstance(line.target, ast.Name)}


def _named(draft: Draft, walked: Code, fields: dict[str, ast.expr], statement: ast.stmt) -> list[str]:
    """The module's names that a statement uses, and those that say what a step's arguments are."""
    names: dict[str, None] = {}
    for mention in walked.units[statement].mentions:
        if isinstance(mention.root, ast.Name) and walked.is_global(mention.root.id, mention.scope):
            names[mention.root.id] = None
    if isinstance(statement, Function):
        for argument in arguments(statement):
            names |= dict.fromkeys(_names_in(argument_type(draft, fields, argument)))
    return list(names)


def argument_type(draft: Draft, fields: dict[str, ast.expr], argument: ast.arg) -> ast.expr | None:
    """The annotation of an argument, or else what the step or the field of its name says it is."""
    if argument.annotation is not None:
        return argument.annotation
    if argument.arg in draft.functions:
        return draft.functions[argument.arg][1].returns
    if argument.arg == "request":
        return ast.Name("Request", ast.Load())
    return fields.get(argument.arg)


def _names_in(annotation: ast.expr | None) -> list[str]:
    annotation = unquoted(annotation)
    return [node.id for node in walk(annotation) if isinstance(node, ast.Name)] if annotation else []


def unquoted(annotation: ast.expr | None) -> ast.expr | None:
    """An annotation that is written as a text, parsed."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return ast.parse(annotation.value.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return annotation
