"""A task's fingerprint: the source of all it reaches. Same fingerprint, same question asked.

Reached is what the task's body and annotations name, and what those statements name in turn.
Docstrings, comments and blank lines do not count, so that editing them needs no new call.
Source text is hashed, not a syntax tree: its dump differs between versions of Python.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tokenize
from typing import Any

from workbench.bindings import used
from workbench.draft import Draft
from workbench.rules.contract import is_task


def fingerprints(draft: Draft) -> dict[str, dict[str, Any]]:
    """Task -> {"source": digest of what it reaches, "parameters": the parameters it reaches}."""
    lines = draft.code.split("\n")
    return {
        name: _fingerprint(draft, lines, node) for name, (_, node) in sorted(draft.functions.items()) if is_task(node)
    }


def _fingerprint(draft: Draft, lines: list[str], task: ast.stmt) -> dict[str, Any]:
    reached, parameters = _reach(draft, task)
    texts = [_essence(lines, task)]
    texts += [_essence(lines, node) for node in sorted(reached, key=lambda node: node.lineno)]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    return {"source": digest, "parameters": sorted(parameters)}


def _reach(draft: Draft, task: ast.stmt) -> tuple[set[ast.stmt], set[str]]:
    reached: set[ast.stmt] = set()
    parameters: set[str] = set()
    waiting = [_body_names(task)]
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
                    waiting.append(used(statement))
    return reached, parameters


def _body_names(task: ast.stmt) -> set[str]:
    """What a task names, its decorators aside: another timeout is not another question."""
    assert isinstance(task, (ast.FunctionDef, ast.AsyncFunctionDef))
    arguments = {argument.arg for argument in task.args.args}
    annotations = [argument.annotation for argument in task.args.args if argument.annotation]
    names: set[str] = set()
    for node in [*annotations, *([task.returns] if task.returns else [])]:
        names |= used(node)
    for statement in task.body:
        names |= used(statement) - arguments
    return names


def _essence(lines: list[str], node: ast.stmt) -> str:
    """A statement's source without docstrings, comments and blank lines; decorators aside."""
    assert node.end_lineno is not None
    segment = lines[node.lineno - 1 : node.end_lineno]
    for docstring in _docstrings(node):
        for number in range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1):
            segment[number - node.lineno] = _cut(segment[number - node.lineno], docstring, number)
    if any("#" in line for line in segment):
        segment = _without_comments(segment)
    return "\n".join(line.rstrip() for line in segment if line.strip())


def _docstrings(node: ast.AST) -> list[ast.Expr]:
    found = []
    for inner in ast.walk(node):
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            first = inner.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                found.append(first)
    return found


def _cut(line: str, docstring: ast.Expr, number: int) -> str:
    """A line without the docstring's part of it. Columns are in UTF-8 bytes."""
    data = line.encode()
    start = docstring.col_offset if number == docstring.lineno else 0
    end = (docstring.end_col_offset or 0) if number == docstring.end_lineno else len(data)
    return (data[:start] + data[end:]).decode()


def _without_comments(segment: list[str]) -> list[str]:
    """Cut the comments, which only the tokenizer can tell from a ``#`` inside a text."""
    lines = list(segment)
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(segment) + "\n").readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column]
    except (tokenize.TokenError, IndentationError):
        return segment  # a piece of a line, such as after a semicolon: comments count there
    return lines
