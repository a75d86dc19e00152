"""A task's fingerprint: the source of all it reaches. Same fingerprint, same question asked.

Reached is what the task's body and annotations name, and what those statements name in turn.
Docstrings, comments and blank lines do not count, so that editing them needs no new call.
Source text is hashed, not a syntax tree: its dump differs between versions of Python.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from typing import Any

from workbench.bindings import Function, walk
from workbench.draft import Draft
from workbench.essence import essence
from workbench.rules.contract import is_task, is_task_decorator


def fingerprints(draft: Draft) -> dict[str, dict[str, Any]]:
    """Task -> {"source": digest of what it reaches, "parameters": the parameters it reaches}."""
    lines = draft.code.split("\n")
    tasks = [(name, node) for name, (_, node) in sorted(draft.functions.items()) if is_task(node)]
    return {name: _fingerprint(draft, lines, node) for name, node in tasks}


def _fingerprint(draft: Draft, lines: list[str], task: Function) -> dict[str, Any]:
    reached, parameters = _reach(draft, task)
    own = [node for node in task.decorator_list if not is_task_decorator(node)]
    texts = [essence(lines, task, task.lineno, draft.nodes_of(task))]
    texts += [essence(lines, node, node.lineno, walk(node)) for node in own]
    for statement in sorted(reached, key=lambda node: (node.lineno, node.col_offset)):
        first = min([statement.lineno, *(node.lineno for node in getattr(statement, "decorator_list", ()))])
        texts.append(essence(lines, statement, first, draft.nodes_of(statement)))
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    return {"source": digest, "parameters": sorted(parameters)}


def _reach(draft: Draft, task: Function) -> tuple[set[ast.stmt], set[str]]:
    reached: set[ast.stmt] = set()
    parameters: set[str] = set()
    waiting = [_task_names(task)]
    seen: set[str] = set()
    while waiting:
        for name in waiting.pop() - seen:
            seen.add(name)
            if name in draft.parameters:
                parameters.add(name)
                continue
            for _, statement in draft.bindings.get(name, ()):
                if statement is not task and statement not in reached:
                    reached.add(statement)
                    waiting.append(_used(draft.nodes_of(statement)))
    return reached, parameters


def _task_names(task: Function) -> set[str]:
    """What a task names, ``@task(…)`` aside: another timeout is not another question."""
    own = [node for node in task.decorator_list if not is_task_decorator(node)]
    outside = [task.args, *([task.returns] if task.returns else []), *own]
    names = _quoted(task.returns)
    for node in outside:
        names |= _used(walk(node))
    arguments = {argument.arg for argument in task.args.args}
    for statement in task.body:
        names |= _used(walk(statement)) - arguments
    return names


def _used(nodes: Iterable[ast.AST]) -> set[str]:
    """Every name that is read anywhere in this code, local ones and those of quoted annotations too."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                names.add(node.id)
        elif isinstance(node, (ast.arg, ast.AnnAssign)):
            names |= _quoted(node.annotation)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            names |= _quoted(node.returns)
    return names


def _quoted(annotation: ast.expr | None) -> set[str]:
    """The names inside the texts of an annotation: ``"list[Found]"`` names what it would without quotes."""
    names: set[str] = set()
    if annotation is None or isinstance(annotation, ast.Name):
        return names
    for node in walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                names |= _used(walk(ast.parse(node.value.strip(), mode="eval")))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # a text that is none, as in Literal["no id"]
    return names
