"""Rules of names across cells: what is built stands alone, and is what the notebook runs."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from typing import Any

from workbench.bindings import bound
from workbench.draft import Draft, Parsed
from workbench.problems import Problem, at
from workbench.rules.places import bound_names

INJECTED = "injected-parameters"  # papermill's cell: it rebinds parameters on purpose


def rebinding(draft: Draft) -> Iterator[Problem]:
    """No unexported cell rebinds an exported name: the notebook would run other code than is built."""
    for parsed in draft.others:
        if INJECTED in parsed.cell.tags or parsed.tree is None:
            continue
        for name, node in bound(parsed.tree):
            if name in draft.bindings and not _same_import(draft, name, node):
                where = draft.bindings[name][0][0].cell.number
                message = f"this cell is not exported, but rebinds {name!r} of cell {where}"
                line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
                yield at(draft.notebook, parsed.cell, "rebinding", message, "use another name", line, column)


def _same_import(draft: Draft, name: str, node: ast.AST) -> bool:
    return isinstance(node, (ast.Import, ast.ImportFrom)) and all(
        isinstance(statement, type(node)) and _origin(statement, name) == _origin(node, name)
        for _, statement in draft.bindings[name]
    )


def _origin(node: Any, name: str) -> list[Any]:
    return [
        (getattr(node, "module", None), alias.name)
        for alias in node.names
        if (alias.asname or alias.name.split(".")[0]) == name
    ]


def closure(draft: Draft) -> Iterator[Problem]:
    """Every name that exported code uses comes from an exported cell, an import or a parameter."""
    from pyflakes.checker import Checker
    from pyflakes.messages import UndefinedLocal, UndefinedName

    names = {node.id for node in draft.nodes if isinstance(node, ast.Name)}

    class Names(Checker):  # type: ignore[misc]
        """Binds the builtins that are named, not all of them, which takes a third of its time."""

        def addBinding(self, node: ast.AST | None, value: Any) -> None:
            if node is not None or value.name in names:
                super().addBinding(node, value)

    for message in Names(draft.tree, filename=draft.notebook.path).messages:
        if isinstance(message, (UndefinedName, UndefinedLocal)):
            name = str(message.message_args[0])
            parsed, line = draft.place(message.lineno)
            text, hint = _explain(draft, name, parsed)
            cell = parsed.cell if parsed else None
            yield at(draft.notebook, cell, "closure", text, hint, line, message.col + 1)


def _explain(draft: Draft, name: str, user: Parsed | None) -> tuple[str, str]:
    if name in draft.bindings:
        where = draft.bindings[name][0][0].cell
        if user is not None and where.number >= user.cell.number:
            return (
                f"{name!r} is used before it is there: cell {where.number} defines it later",
                "move that code up",
            )
        return f"{name!r} is used where it is not defined", ""
    for parsed in draft.others:
        if name in bound_names(parsed):
            hint = f"tag cell {parsed.cell.number} 'export', or move the definition to an exported cell"
            return f"{name!r} comes from cell {parsed.cell.number}, which is not exported", hint
    close = difflib.get_close_matches(name, draft.bindings, n=1)
    return f"{name!r} is not defined", f"did you mean {close[0]!r}?" if close else "define or import it"
