"""Rules of syntax: every exported cell is plain Python that compiles, and so is all of them together."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.draft import PARAMETERS, Draft, Parsed
from workbench.magics import without_magics
from workbench.problems import Problem, at
from workbench.rules.catalogue import rule
from workbench.rules.places import at_node, column


@rule("magic")
def magic(draft: Draft) -> Iterator[Problem]:
    """Exported cells hold no magics and no shell escapes.

    They are IPython's, and the module is plain Python.

    Bad:
        %matplotlib inline
    """
    for parsed in draft.exported:
        if parsed.error is not None:
            yield from (_magic(draft, parsed, line) for line in without_magics(parsed.cell.source)[1])


@rule("syntax")
def syntax(draft: Draft) -> Iterator[Problem]:
    """Exported cells are Python that compiles, and so are all of them together.

    No `return` or `await` stands outside a function.

    Bad:
        def share(count: int) -> float
            return count / faces_max
    """
    for parsed in draft.exported:
        if parsed.error is not None:
            yield from _syntax_error(draft, parsed, without_magics(parsed.cell.source)[0])
    yield from _compile_errors(draft)


def _magic(draft: Draft, parsed: Parsed, line: int) -> Problem:
    text = parsed.cell.source.split("\n")[line - 1].strip()
    message = f"a magic or shell escape in an exported cell: {text}"
    return at(draft.notebook, parsed.cell, "magic", message, "move it to a cell that is not exported", line, 1)


def _syntax_error(draft: Draft, parsed: Parsed, plain: str) -> Iterator[Problem]:
    """What is wrong with a cell beside its magics."""
    error = parsed.error
    if plain != parsed.cell.source:
        try:
            ast.parse(plain)
            return
        except SyntaxError as other:
            error = other
        except (ValueError, RecursionError, MemoryError):
            return
    message = f"syntax error: {error.msg if error else ''}"
    line, offset = (error.lineno, error.offset) if error else (None, None)
    yield at(draft.notebook, parsed.cell, "syntax", message, "", line or 1, offset or 1)


@rule("future-import")
def future_import(draft: Draft) -> Iterator[Problem]:
    """`from __future__` stands at the top of the first exported or parameters cell.

    Python allows it only at the top of a module.

    Bad:
        from __future__ import annotations
    """
    for node in _late_futures(draft):
        hint = "move it to the top of the first exported or parameters cell"
        yield at_node(draft, "future-import", "from __future__ stands too late", hint, node)


def _compile_errors(draft: Draft) -> Iterator[Problem]:
    """What parses also compiles."""
    if draft.parses and not isinstance(draft.compiled, Exception):
        return
    errors = list(_errors_by_cell(draft))
    yield from errors
    if draft.parses and not _late_futures(draft) and not errors and isinstance(draft.compiled, Exception):
        message = f"syntax error: {getattr(draft.compiled, 'msg', draft.compiled)}"
        yield at(draft.notebook, None, "syntax", message, "")


def _errors_by_cell(draft: Draft) -> Iterator[Problem]:
    """The first error of each cell that does not compile by itself."""
    for parsed in draft.exported:
        body = [node for node in parsed.tree.body if not _is_future(node)] if parsed.tree else []
        try:
            compile(ast.Module(body, type_ignores=[]), draft.filename, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            _, line = draft.place(getattr(error, "lineno", None) or 0)
            start = column(parsed, line, (getattr(error, "offset", None) or 1) - 1)
            message = f"syntax error: {getattr(error, 'msg', error)}"
            yield at(draft.notebook, parsed.cell, "syntax", message, "", line, start)


def _late_futures(draft: Draft) -> list[ast.stmt]:
    """Those with code before them: other statements, or the call that binds the parameters."""
    late: list[ast.stmt] = []
    begun = False
    for parsed in draft.exported:
        for number, statement in enumerate(parsed.tree.body if parsed.tree else ()):
            if _is_future(statement):
                late += [statement] if begun else []
            elif number or not _is_text(statement):
                begun = True
        begun = begun or PARAMETERS in parsed.cell.tags
    return late


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
