"""Rules of patterns: no text that a member sends makes a regular expression run for minutes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.places import at_node
from workbench.rules.purity import imports_any
from workbench.rules.texts import texts
from workbench.scopes import Code, Scope
from workbench.scoping import code

FLAGS = {"compile": 1, "match": 2, "search": 2, "fullmatch": 2, "findall": 2, "finditer": 2, "split": 3}
FLAGS |= {"sub": 4, "subn": 4}  # function of `re` -> where its flags stand
HINT = "let each character match in one way only: no + or * of the same inside (…)+, or a possessive one: a++"
SHOWN = 60  # characters of a pattern


@rule("backtracking", whole=True, optional=True)
def backtracking(draft: Draft) -> Iterator[Problem]:
    """No pattern takes exponential time on a text that does not match.

    With `(a+)+!`, each further `a` doubles the time: 40 characters take hours. A regular expression
    cannot be interrupted, so no time limit helps. Reported is what was tried out and found slow; patterns that are not
    written out (parameters, files) are not looked at. `Field(pattern=…)` is safe: pydantic's do not backtrack.

    Bad:
        import re

        LIST = re.compile(r"(?:[a-z]+,?)+!")

    Good:
        import re

        LIST = re.compile(r"[a-z]+(?:,[a-z]+)*!")
    """
    for node, pattern, growth, text in draft.once(_slow):
        if growth == "exponential":
            message = f"the pattern {_shown(pattern)} takes exponentially long on a text like {text!r}"
            yield at_node(draft, "backtracking", message, HINT, node)


@rule("slow-pattern", "warning", whole=True, optional=True)
def slow_pattern(draft: Draft) -> Iterator[Problem]:
    """No pattern takes time with the third power of a text's length, or more.

    With `\\d+\\d+\\d+!`, a text of twice the length takes eight times as long: 2000 digits take many
    seconds. Cap what is searched, or make the pattern unambiguous.

    Bad:
        import re

        NUMBERS = re.compile(r"\\d+\\d*\\d*\\d*!")

    Good:
        import re

        NUMBERS = re.compile(r"\\d+!")
    """
    for node, pattern, growth, text in draft.once(_slow):
        if growth == "polynomial":
            message = f"the pattern {_shown(pattern)} gets slow with the third power of a text like {text!r}"
            yield at_node(draft, "slow-pattern", message, HINT, node)


def _shown(pattern: str) -> str:
    return pattern if len(pattern) <= SHOWN else pattern[:SHOWN] + "…"


def _slow(draft: Draft) -> list[tuple[ast.AST, str, str, str]]:
    """(place, pattern, growth, text that shows it) of every pattern that is slow."""
    if not imports_any(draft, frozenset(("re",))):
        return []
    from workbench.regexes import growth

    walked = draft.once(code)
    found: list[tuple[ast.AST, str, str, str]] = []
    for unit in walked.units.values():
        for node, scope in unit.nodes:
            if isinstance(node, ast.Call) and (given := _pattern(walked, node, scope)):
                place, flags = given
                for pattern in dict.fromkeys(texts(walked, place, scope)):
                    kind, text = growth(pattern, flags)
                    found += [(place, pattern, kind, text)] if kind else []
    return found


def _pattern(walked: Code, call: ast.Call, scope: Scope) -> tuple[ast.expr, int] | None:
    """The pattern that a call compiles, and its flags; None where it compiles none, or the flags are not known."""
    module, _, name = walked.dotted_expression(call.func, scope).rpartition(".")
    if module != "re" or name not in FLAGS:
        return None
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    pattern = call.args[0] if call.args else named.get("pattern")
    given = call.args[FLAGS[name]] if len(call.args) > FLAGS[name] else named.get("flags")
    flags = _flags(walked, given, scope) if given is not None else 0
    return None if pattern is None or flags is None else (pattern, flags)


def _flags(walked: Code, node: ast.expr, scope: Scope) -> int | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, int) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.Add)):
        left, right = _flags(walked, node.left, scope), _flags(walked, node.right, scope)
        return None if left is None or right is None else left | right
    module, _, name = walked.dotted_expression(node, scope).removeprefix("re.RegexFlag").rpartition(".")
    flag = getattr(re, name, None) if module in ("re", "") else None
    return int(flag) if isinstance(flag, re.RegexFlag) else None
