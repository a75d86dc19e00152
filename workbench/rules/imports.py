"""Rules of imports: Lambda has what exported code imports, and it is no inner part of Artemis."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from workbench.bindings import walk
from workbench.draft import Draft
from workbench.packages import distributions_of, normalised, provides
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.places import at_node

Import = ast.Import | ast.ImportFrom
OURS = frozenset({"chalicelib", "workbench", "app", "serving"})
PUBLIC = {
    "usecase": frozenset(
        {"Photo", "Sensitive", "Subject", "task", "History", "PastDecision", "PastLabel", "PastResult"}
    ),
    "models": None,
}  # None: all that has no underscore


@rule("missing-requirement", optional=True)
def missing_requirement(draft: Draft) -> Iterator[Problem]:
    """What exported code imports is Python's own, Artemis's, or provided by requirements.txt.

    Only what `requirements.txt` names is packed for Lambda; any other import works in the notebook and fails in
    production. Imports in functions and in `try` count, those under `if TYPE_CHECKING:` do not.

    Bad:
        import pandas

    Good:
        import statistics
        from pydantic import ValidationError
    """
    if draft.requirements is None:
        return
    for node in draft.once(runtime_imports):
        for name in _imported(node):
            root = name.partition(".")[0]
            if root in sys.stdlib_module_names or root in OURS or normalised(root) in draft.requirements:
                continue
            if not provides(draft.requirements, name):
                yield at_node(draft, "missing-requirement", *_missing(node, name), node)
                break  # one problem for one statement


def runtime_imports(draft: Draft) -> list[Import]:
    """Every import of exported code but relative ones and those for type checkers only."""
    found: list[Import] = [*draft.by_kind.get(ast.Import, ()), *draft.by_kind.get(ast.ImportFrom, ())]
    if "TYPE_CHECKING" in draft.code:
        tests = [node for node in draft.by_kind.get(ast.If, ()) if _is_type_checking(node.test)]
        apart = {inner for node in tests for statement in node.body for inner in walk(statement)}
        return [node for node in found if node not in apart]
    return found


def _is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "id", None) == "TYPE_CHECKING" or getattr(test, "attr", None) == "TYPE_CHECKING"


def _imported(node: Import) -> list[str]:
    """Dotted names: ``from google.cloud import vision`` may be a package of a package that several share."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [f"{node.module}.{alias.name}" for alias in node.names] if node.module and not node.level else []


def _missing(node: Import, name: str) -> tuple[str, str]:
    package = name if isinstance(node, ast.Import) else node.module or name
    known = distributions_of(name)
    message = f"requirements.txt does not provide {package!r}, so this import would fail on Lambda"
    what = (
        " or ".join(known)
        if known
        else f"the package that provides it (mostly of the same name, {package.partition('.')[0]})"
    )
    return message, f"add {what} to requirements.txt (pinned) and to pyproject.toml"


@rule("private-import", optional=True)
def private_import(draft: Draft) -> Iterator[Problem]:
    """Of Artemis, exported code imports only `chalicelib.usecase` and `chalicelib.models`.

    Of `usecase` it takes `task`, `Photo`, `Subject`, `Sensitive`, and the types of the past: `History`, `PastDecision`,
    `PastResult`, `PastLabel`. Everything else of Artemis may change with any version, and `workbench`, `serving` and
    `app` are not there, or not ready, where the module is loaded. No import is relative: in the notebook there is
    nothing to be relative to.

    Bad:
        from chalicelib.engine import run

    Good:
        from chalicelib import models
        from chalicelib.models import Face
    """
    for node in draft.once(runtime_imports):
        if isinstance(node, ast.ImportFrom) and node.level:
            message = "a relative import: a notebook is in no package"
            yield at_node(draft, "private-import", message, "import from a package of requirements.txt", node)
            continue
        private = next((name for name in _imported(node) if _is_private(name)), None)
        if private:
            message = f"{private.removesuffix('.*')} is an inner part of Artemis"
            hint = (
                "import from chalicelib.models, or task, Photo, Subject, Sensitive or History from chalicelib.usecase"
            )
            yield at_node(draft, "private-import", message, hint, node)


def _is_private(name: str) -> bool:
    root, *parts = name.split(".")
    if root not in OURS:
        return False
    if root != "chalicelib" or not parts or parts[0] not in PUBLIC:
        return True
    public = PUBLIC[parts[0]]
    if len(parts) == 1 or parts[1] == "*":
        return False
    return parts[1].startswith("_") or (public is not None and parts[1] not in public)


@rule("star-import")
def star_import(draft: Draft) -> Iterator[Problem]:
    """No `import *`: nobody could tell which names it brings.

    Bad:
        from math import *

    Good:
        from math import sqrt
    """
    for node in draft.nodes:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            message = f"from {node.module} import * in an exported cell"
            yield at_node(draft, "star-import", message, "import the names that are used", node)
