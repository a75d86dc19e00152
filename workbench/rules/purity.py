"""Rules of purity: logic gives the same answer to the same facts, today and in a replay next year.

Each is reported at the place that is impure, also in a helper, with the way that leads there from a
plain step. Tasks may do all of this, and so may helpers that only tasks use: what they find is recorded.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.bindings import Function
from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.impure import BUILTINS, PATH_METHODS, ROOTS, Kind, kind_of
from workbench.rules.places import at_node
from workbench.rules.reach import reach
from workbench.scopes import Code, Mention, Scope, chain

SEEDED = ("builtins.hash", "builtins.id")  # other values in every process
IN_A_TASK = "do it in a @task, and take its result as an argument"
WORDS = {  # kind -> what it does, what to do
    "clock": ("uses the clock", "take `now`, the decision's time, as an argument; or make it a @task"),
    "randomness": ("depends on chance", "use random.Random(a constant), or hashlib for a hash; or make it a @task"),
    "network": ("uses the network", IN_A_TASK),
    "files": ("uses files, processes or the environment", IN_A_TASK),
}


@rule("clock", whole=True, optional=True)
def clock(draft: Draft) -> Iterator[Problem]:
    """Logic does not read the clock: `now` is an argument.

    A replay decides past requests again, at their own `now`. A step that read the clock would decide
    them as of today. Helpers, methods, defaults and values computed when the module is loaded count too.

    Bad:
        from datetime import datetime


        def crowded(faces: int) -> bool:
            return faces > faces_max and datetime.now().hour > 8

    Good:
        from datetime import datetime


        def crowded(faces: int, now: datetime) -> bool:
            return faces > faces_max and now.hour > 8
    """
    return _problems(draft, "clock")


@rule("randomness", whole=True, optional=True)
def randomness(draft: Draft) -> Iterator[Problem]:
    """Logic does not depend on chance: no `random`, `secrets`, `uuid4`, and no `hash()`, which differs by process.

    A replay could not tell a change of logic from luck. A generator with a constant seed is fine,
    and `hashlib` gives the same sample of users everywhere.

    Bad:
        import random


        def crowded(faces: int) -> bool:
            return faces > faces_max or random.random() < 0.01

    Good:
        import hashlib


        def crowded(faces: int) -> bool:
            return faces > faces_max or hashlib.sha256(str(faces).encode()).digest()[0] < 3
    """
    return _problems(draft, "randomness")


@rule("network", whole=True, optional=True)
def network(draft: Draft) -> Iterator[Problem]:
    """Logic does not use the network: a task does, and its result is recorded.

    What another service answers today it may not answer in a replay; and only tasks have a time
    limit and a fallback.

    Bad:
        import urllib.request


        def crowded(faces: int) -> bool:
            return faces > int(urllib.request.urlopen("https://example.org/limit").read())

    Good:
        import urllib.request


        @task(timeout=5)
        def limit() -> int:
            return int(urllib.request.urlopen("https://example.org/limit").read())


        def decide(faces: int, limit: int) -> Decision:
            return Decision(outcome="review" if faces > limit else "approve")
    """
    return _problems(draft, "network")


@rule("files", whole=True, optional=True)
def files(draft: Draft) -> Iterator[Problem]:
    """Logic uses no files, processes or environment variables: a parameter or a task does.

    They differ between the notebook, Lambda and a replay. What a stage sets is a parameter.

    Bad:
        import os


        def crowded(faces: int) -> bool:
            return faces > int(os.environ["FACES_MAX"])

    Good:
        def crowded(faces: int) -> bool:
            return faces > faces_max
    """
    return _problems(draft, "files")


def _problems(draft: Draft, kind: str) -> Iterator[Problem]:
    return (problem for problem in draft.once(impure) if problem.rule == kind)


def impure(draft: Draft) -> list[Problem]:
    """Every impure place that a plain step reaches. Ask for it by ``draft.once(impure)``."""
    if not may_be_impure(draft):
        return []
    reached = draft.once(reach)
    return [
        _problem(draft, kind, mention, path)
        for unit, path in reached.units
        for mention in unit.mentions
        if (kind := impurity(reached.code, mention))
    ]


def may_be_impure(draft: Draft) -> bool:
    """Whether anything impure is imported or built in by its name; most notebooks are seen no further."""
    if imports_any(draft, ROOTS) or any(node.id in BUILTINS for node in draft.by_kind.get(ast.Name, ())):
        return True
    return any(node.attr in ("open", "sample") for node in draft.by_kind.get(ast.Attribute, ()))  # Photo's


def imports_any(draft: Draft, roots: frozenset[str]) -> bool:
    """Whether one of these top-level packages is imported, anywhere."""
    for node in draft.by_kind.get(ast.Import, ()):
        if any(alias.name.split(".")[0] in roots for alias in node.names):
            return True
    return any((node.module or "").split(".")[0] in roots for node in draft.by_kind.get(ast.ImportFrom, ()))


def impurity(code: Code, mention: Mention) -> Kind:
    """What is impure about naming this here; empty for nothing."""
    if mention.in_annotation:
        return ""
    dotted = code.dotted(mention.root, mention.parts, mention.scope)
    if not dotted:
        return "files" if _reads_path(code, mention) else ""
    if dotted in SEEDED and _is_stable(mention):
        return ""
    return kind_of(dotted, mention.call)


def _problem(draft: Draft, kind: str, mention: Mention, path: tuple[str, ...]) -> Problem:
    does, hint = WORDS[kind]
    what = ast.unparse(mention.node) if isinstance(mention.root, ast.Name) else f"….{mention.parts[-1]}"
    return at_node(draft, kind, explain(path, does) + f": {what}{'()' if mention.call else ''}", hint, mention.node)


def explain(path: tuple[str, ...], does: str) -> str:
    """``'nudity' uses the clock through 'age_of' -> 'today'``."""
    step, *through = path
    return f"{step!r} {does}" + (f" through {' -> '.join(map(repr, through))}" if through else "")


def _reads_path(code: Code, mention: Mention) -> bool:
    parts = mention.parts
    return bool(parts) and parts[-1] in PATH_METHODS and _is_path(code, mention.root, parts[:-1], mention.scope)


def _is_path(code: Code, root: ast.expr, parts: tuple[str, ...], scope: Scope, depth: int = 0) -> bool:
    """Whether ``root.parts`` is surely a ``pathlib.Path``."""
    if depth > 8 or any(part not in ("parent", "parents") for part in parts):
        return False
    if isinstance(root, ast.BinOp) and isinstance(root.op, ast.Div):
        sides = (root.left, root.right)
        return any(_is_path(code, *chain(side), scope, depth + 1) for side in sides)
    if isinstance(root, ast.Subscript):
        return _is_path(code, *chain(root.value), scope, depth + 1)
    if isinstance(root, ast.Call):
        return _makes_path(code, root, scope, depth)
    holder = scope.find(root.id) if isinstance(root, ast.Name) else None
    if holder is None or not isinstance(root, ast.Name):
        return False
    return any(
        (how == "annotated" and code.dotted_expression(value, holder) == "pathlib.Path")
        or (how in ("is", "default") and _is_path(code, *chain(value), holder, depth + 1))
        for how, value in holder.names[root.id]
    )


def _makes_path(code: Code, call: ast.Call, scope: Scope, depth: int) -> bool:
    dotted = code.dotted_expression(call.func, scope)
    if dotted in ("pathlib.Path", "pathlib.PosixPath", "pathlib.Path.cwd", "pathlib.Path.home"):
        return True
    root, parts = chain(call.func)
    makers = ("joinpath", "with_name", "with_suffix", "with_stem", "resolve", "absolute", "expanduser", "relative_to")
    return bool(parts) and parts[-1] in makers and _is_path(code, root, parts[:-1], scope, depth + 1)


def _is_stable(mention: Mention) -> bool:
    """A hash that is the same in every process: of a number; or it is what ``__hash__`` answers, which sets use."""
    if isinstance(mention.scope.node, Function) and mention.scope.node.name in ("__hash__", "__repr__"):
        return True
    given = mention.call.args if mention.call else []
    return bool(given) and all(_is_number(value, mention.scope) for value in given)


def _is_number(node: ast.expr, scope: Scope) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, (int, float))
    holder = scope.find(node.id) if isinstance(node, ast.Name) else None
    if holder is None or not isinstance(node, ast.Name):
        return False
    return any(
        how == "annotated" and isinstance(value, ast.Name) and value.id in ("int", "float", "bool")
        for how, value in holder.names[node.id]
    )
