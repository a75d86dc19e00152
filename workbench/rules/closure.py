"""The rule of closure: what is built stands alone."""

from __future__ import annotations

import ast
import difflib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workbench.draft import Draft, Parsed
from workbench.notebook import Cell
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.places import at_place, bound_names

MANY = 3  # names of one unexported cell; with more, it is the tag that was forgotten
WORD = re.compile(r"[^\W\d]\w*")
DEEP = 20_000  # Python's own parser takes code that is nested deeper than its calls may be


@rule("closure", whole=True)
def closure(draft: Draft) -> Iterator[Problem]:
    """Every name that exported code uses comes from an exported cell, an import or a parameter.

    In the notebook a name may come from any cell that was ever run; the module has only the exported ones. Names
    that are used only inside functions count, too: they would fail with the first request.

    Bad:
        def share(count: int) -> float:
            return count / people_max

    Good:
        def share(count: int) -> float:
            return count / faces_max
    """
    from pyflakes import messages

    used: dict[int, list[tuple[str, Any]]] = {}  # unexported cell -> what exported ones use of it
    for message in draft.once(_messages):
        name = str(message.message_args[0]) if message.message_args else ""
        if isinstance(message, messages.ImportStarUsage) and not _is_unexported(draft, name):
            continue  # the star may bring it, and is reported itself
        if isinstance(message, messages.UndefinedLocal):
            yield at_place(draft, "closure", *_explain_local(name), message.lineno, message.col)
        elif isinstance(message, (messages.UndefinedName, messages.ImportStarUsage)):
            if _is_unexported(draft, name):
                used.setdefault(_definer(draft, name).number, []).append((name, message))
            else:
                yield at_place(draft, "closure", *_explain(draft, name, message.lineno), message.lineno, message.col)
    for number, uses in used.items():
        yield from _explain_cell(draft, number, uses)


def undefined_names(draft: Draft) -> list[str]:
    """The names without a meaning in exported code, as far as the rule reports them."""
    from pyflakes import messages

    return [str(found.message_args[0]) for found in draft.once(_messages) if isinstance(found, messages.UndefinedName)]


def _explain_cell(draft: Draft, number: int, uses: list[tuple[str, Any]]) -> Iterator[Problem]:
    """Each use of an unexported cell's names; of a forgotten cell of many, such as the imports, only the first."""
    hint = f"tag cell {number} 'export', or move the definition to an exported cell"
    names = sorted({name for name, _ in uses})
    if len(names) > MANY:
        text = f"{len(names)} names come from cell {number}, which is not exported: {', '.join(names)}"
        first = min((message for _, message in uses), key=lambda message: (message.lineno, message.col))
        yield at_place(draft, "closure", text, hint, first.lineno, first.col)
        return
    for name, message in uses:
        text = f"{name!r} comes from cell {number}, which is not exported"
        yield at_place(draft, "closure", text, hint, message.lineno, message.col)


def _definer(draft: Draft, name: str) -> Cell:
    return next(parsed.cell for parsed in draft.others if name in bound_names(parsed))


def _messages(draft: Draft) -> list[Any]:
    from pyflakes.checker import Checker

    names = {node.id for node in draft.by_kind.get(ast.Name, ())}
    for node in draft.by_kind.get(ast.Constant, ()):  # an annotation in quotes names what it would without
        if isinstance(node.value, str):
            names.update(WORD.findall(node.value))

    class Names(Checker):  # type: ignore[misc]
        """Binds the builtins that are named, not all of them, and leaves out what else it would report."""

        futuresAllowed = False  # a property otherwise, asked for at each node

        @property
        def builtIns(self) -> set[str]:
            return self._builtins

        @builtIns.setter
        def builtIns(self, value: set[str]) -> None:
            self._builtins = value & names

        def checkDeadScopes(self) -> None:
            pass

    with _deep_calls():
        found: list[Any] = Names(draft.tree, filename=draft.notebook.path).messages
    return found


@contextmanager
def _deep_calls() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEEP))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def _is_unexported(draft: Draft, name: str) -> bool:
    return name not in draft.bindings and any(name in bound_names(parsed) for parsed in draft.others)


def _explain_local(name: str) -> tuple[str, str]:
    message = f"{name!r} is assigned in this function, so it is local and has no value yet here"
    return message, "give the local one another name, or take the value as an argument"


def _explain(draft: Draft, name: str, line: int) -> tuple[str, str]:
    if name in draft.bindings:
        return _explain_order(draft, name, line)
    close = difflib.get_close_matches(name, draft.bindings, n=1)
    return f"{name!r} is not defined", f"did you mean {close[0]!r}?" if close else "define or import it"


def _explain_order(draft: Draft, name: str, line: int) -> tuple[str, str]:
    """An exported name that has no value where it is used."""
    parsed, first = draft.bindings[name][0]
    if first.lineno <= line:
        return f"{name!r} is used where it has no value", "give it a value above, in an exported cell"
    where = (
        f"cell {parsed.cell.number}" if not _same_cell(draft, parsed, line) else f"line {draft.place(first.lineno)[1]}"
    )
    return f"{name!r} is used before it is there: {where} defines it later", "move that code up"


def _same_cell(draft: Draft, parsed: Parsed, line: int) -> bool:
    return draft.place(line)[0] is parsed
