"""Rules of loading and of form: importing the module does nothing but define it, and nothing in it is async."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.bindings import Function
from workbench.draft import PARAMETERS, Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.impure import NAMES, UNSEEDED
from workbench.rules.places import at_node, words
from workbench.rules.purity import SEEDED, WORDS, imports_any, impure, impurity, may_be_impure
from workbench.rules.reach import reachable
from workbench.scopes import Code, Mention, Scope, Unit
from workbench.scoping import code

SHOWN = words("builtins.print pprint.pprint pprint.pp IPython.display.display builtins.display sys.stdout.write")
SHOWING = ("matplotlib.pyplot.", "logging.basicConfig", "seaborn.", "plotly.")
CLIENTS = words("client resource create_engine session set_start_method")  # made once, used by many requests
ROOTS = words("matplotlib logging seaborn plotly pprint IPython")
OUTPUT = "output"
HINTS = {
    OUTPUT: "remove it, or put it into a cell that is not exported",
    "clock": "it is the time of the cold start, not of the request: take `now` as an argument",
}
IN_A_TASK = "do it in a @task, or in a function with functools.cache that a task calls"
Effect = tuple[str, Mention]  # what kind, where


@rule("import-effects", "warning", whole=True, optional=True)
def import_effects(draft: Draft) -> Iterator[Problem]:
    """Exported code does nothing when it is loaded but define what it exports.

    It runs at every build and at every cold start, before any request and outside every time limit.
    Printing, plotting, reading files or the network there belongs in a cell that is not exported, or in a
    task. Patterns, tables and clients that are made once are fine.

    Bad:
        import os

        REGION = os.environ.get("REGION", "here")
        print(REGION)

    Good:
        import os
        import re
        from functools import cache

        WORD = re.compile(r"[a-z]+")


        @cache
        def region() -> str:
            return os.environ.get("REGION", "here")
    """
    if not _may_have_effects(draft):
        return
    reported = {(problem.cell, problem.line, problem.column) for problem in draft.once(impure)}
    walked = draft.once(code)
    for unit in walked.units.values():
        for mention, kind, through, inner in _effects(draft, walked, unit):
            does = "prints, plots or sets up logging" if kind == OUTPUT else WORDS[kind][0]
            message = f"loading the module {does}{through}: {ast.unparse(inner.node)}{'()' if inner.call else ''}"
            problem = at_node(draft, "import-effects", message, HINTS.get(kind, IN_A_TASK), mention.node)
            place = at_node(draft, "import-effects", "", "", inner.node)
            if (place.cell, place.line, place.column) not in reported:
                yield problem


def _may_have_effects(draft: Draft) -> bool:
    shows = any(node.id in ("print", "display") for node in draft.by_kind.get(ast.Name, ()))
    return shows or may_be_impure(draft) or imports_any(draft, ROOTS)


def _effects(draft: Draft, walked: Code, unit: Unit) -> Iterator[tuple[Mention, str, str, Mention]]:
    """(where, what kind, through which helper, what in the end) of all that happens when a statement is run."""
    parsed, _ = draft.place(unit.statement.lineno)
    if _is_main_guard(unit.statement) or (parsed and PARAMETERS in parsed.cell.tags):
        return  # what else than parameters stands in their cell is reported as that
    for mention in unit.mentions:
        if mention.scope.runs_later():
            continue
        if kind := effect(walked, mention):
            yield mention, kind, "", mention
        elif (name := _helper(draft, walked, mention)) and (found := _inside(draft, walked, name, set())):
            yield mention, found[0], f" through {name!r}", found[1]


def effect(walked: Code, mention: Mention) -> str:
    """What it does beyond computing a value: its kind, or empty."""
    dotted = walked.dotted(mention.root, mention.parts, mention.scope)
    if mention.call and (dotted in SHOWN or dotted.startswith(SHOWING)):
        return OUTPUT
    last = dotted.rpartition(".")[2]
    if mention.call is None and last not in ("environ", "argv"):
        return ""  # a function that is only named is not run
    is_made = last in CLIENTS or (last[:1].isupper() and dotted not in NAMES)
    return "" if is_made or dotted in UNSEEDED or dotted in SEEDED else impurity(walked, mention)


def _helper(draft: Draft, walked: Code, mention: Mention) -> str:
    """The exported function that is called here."""
    root = mention.root
    if mention.call is None or mention.parts or not isinstance(root, ast.Name):
        return ""
    return root.id if root.id in draft.functions and walked.is_global(root.id, mention.scope) else ""


def _inside(draft: Draft, walked: Code, name: str, seen: set[str]) -> Effect | None:
    """The first effect of calling an exported function, or of what it calls."""
    seen.add(name)
    function = draft.functions[name][1]
    for mention in walked.units[function].mentions:
        if not _runs_in(function, mention.scope):
            continue
        if kind := effect(walked, mention):
            return kind, mention
        inner = _helper(draft, walked, mention)
        if inner and inner not in seen and (found := _inside(draft, walked, inner, seen)):
            return found
    return None


def _runs_in(function: Function, scope: Scope) -> bool:
    return scope.function().node is function


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


@rule("async-code", whole=True, optional=True)
def async_code(draft: Draft) -> Iterator[Problem]:
    """Exported code has no `async def`.

    Nothing awaits a coroutine: the engine calls plain functions and runs tasks in parallel by itself.
    (An async step is reported as `plain-function`.)

    Bad:
        async def fetched(name: str) -> str:
            return name

    Good:
        def fetched(name: str) -> str:
            return name
    """
    functions = draft.by_kind.get(ast.AsyncFunctionDef, ())
    if not functions:
        return
    steps = {draft.functions[name][1] for name in reachable(draft)}
    end = (0, 0)
    for node in sorted(functions, key=lambda node: (node.lineno, node.col_offset)):
        if (node.lineno, node.col_offset) >= end:  # what is async inside an async function is no second defect
            end = (node.end_lineno or 0, node.end_col_offset or 0)
            if node not in steps:
                message = f"{node.name!r} is async, and nothing awaits it"
                hint = "write a plain def: tasks run in parallel by themselves"
                yield at_node(draft, "async-code", message, hint, node)
