"""Rules of tasks: what they return can be recorded, and only the engine calls them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.bindings import local_names
from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.contract import is_task
from workbench.rules.places import at_node

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@rule("fact")
def fact(draft: Draft) -> Iterator[Problem]:
    """A task says what it returns, and that can be recorded.

    A task's result is stored by its return annotation, and decided on as it is read back. Recordable are JSON's
    scalars, list, dict, tuple, `Literal`, `Enum`, `datetime`, models, dataclasses and unions of them; not `Any` and
    `object`.

    Bad:
        @task(timeout=5)
        def faces(photo: Photo, models):
            return models.faces(photo)

    Good:
        @task(timeout=5)
        def faces(photo: Photo, models) -> list[Face]:
            return models.faces(photo)
    """
    for name, (_, node) in draft.functions.items():
        if not is_task(node):
            continue
        if node.returns is None:
            message = f"task {name!r} has no return annotation, so its result cannot be recorded"
            yield at_node(draft, "fact", message, "say what it returns: -> …", node)
        elif ast.unparse(node.returns) in ("Any", "typing.Any", "object"):
            message = f"task {name!r} returns {ast.unparse(node.returns)}, which cannot be recorded"
            yield at_node(draft, "fact", message, "name the type", node.returns)


@rule("task-called")
def task_called(draft: Draft) -> Iterator[Problem]:
    """A task is never called directly by exported code.

    It would run unseen: neither recorded, nor replayed, nor under its timeout.

    Bad:
        def crowded(photo: Photo) -> bool:
            return len(faces(photo, None)) > faces_max

    Good:
        def crowded(faces: list[Face]) -> bool:
            return len(faces) > faces_max
    """
    tasks = {name for name, (_, node) in draft.functions.items() if is_task(node)}
    for statement in draft.tree.body if tasks else ():
        who = repr(statement.name) if isinstance(statement, (*FUNCTIONS, ast.ClassDef)) else "exported code"
        own = local_names(statement) if isinstance(statement, FUNCTIONS) else set()
        for call in draft.nodes_of(statement):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in tasks - own):
                continue
            message = f"{who} calls the task {call.func.id!r} directly"
            yield at_node(
                draft, "task-called", message, f"take {call.func.id!r} as an argument of a step instead", call
            )
