"""What of a statement's source counts for its meaning: all but docstrings, comments and blank lines."""

from __future__ import annotations

import ast
import io
import tokenize

DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def essence(lines: list[str], node: ast.AST, first: int, nodes: list[ast.AST]) -> str:
    """The source from line ``first`` of the module to the node's end. Texts of several lines stay as they are.

    ``nodes`` are all of the node's.
    """
    segment = lines[first - 1 : node.end_lineno]  # type: ignore[attr-defined]
    docstrings, texts = _texts(nodes)
    for docstring in docstrings:
        for number in range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1):
            segment[number - first] = _cut(segment[number - first], docstring, number)
    if any("#" in line for line in segment):
        segment = _without_comments(segment)
    if not texts:
        return "\n".join(line.rstrip() for line in segment if line.strip())
    inside = {number - first for text in texts for number in range(text.lineno, text.end_lineno or 0)}
    kept = (line if number in inside else line.rstrip() for number, line in enumerate(segment))
    return "\n".join(line for number, line in enumerate(kept) if line or number in inside)


def _texts(nodes: list[ast.AST]) -> tuple[list[ast.Expr], list[ast.expr]]:
    """The docstrings, and all other texts that go over several lines."""
    docstrings: list[ast.Expr] = []
    texts: list[ast.expr] = []
    for inner in nodes:
        if isinstance(inner, DOCUMENTED) and (docstring := _docstring(inner)):
            docstrings.append(docstring)
        elif isinstance(inner, (ast.Constant, ast.JoinedStr)) and inner.lineno != inner.end_lineno:
            texts.append(inner)
    values = [docstring.value for docstring in docstrings]
    return docstrings, [text for text in texts if text not in values]


def _docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.Expr | None:
    first = node.body[0]
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return first if is_text else None  # type: ignore[return-value]


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
