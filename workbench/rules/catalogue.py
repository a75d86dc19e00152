"""What a rule is: a function named for it, whose docstring is its page in docs/rules.md.

The docstring's first line says what holds. Then why, and where an example helps ``Bad:`` and
``Good:`` with indented code, which a test runs: the bad code is reported by this very rule, the
good code is not. (``Bad:`` code is a cell added to a sound notebook.)
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

from workbench.draft import Draft
from workbench.problems import Problem

Severity = Literal["error", "warning", "info"]
Check = Callable[[Draft], Iterator[Problem]]
Function = TypeVar("Function", bound=Check)


@dataclass(frozen=True)
class Rule:
    """One rule. ``check`` yields its problems; None: it is found when the module is loaded, or by the build.

    ``whole``: it needs every exported cell to parse, since what one would define is unknown.
    ``optional``: a line may opt out of it.
    """

    name: str
    severity: Severity
    text: str
    check: Check | None = None
    whole: bool = False
    optional: bool = False

    @property
    def summary(self) -> str:
        """What holds, in one sentence."""
        return self._parts[0].split("\n\n")[0].replace("\n", " ")

    @property
    def reason(self) -> str:
        """Why, and what to do; may be empty."""
        return self._parts[0].partition("\n\n")[2].strip()

    @property
    def bad(self) -> str:
        return self._example("Bad:")

    @property
    def good(self) -> str:
        return self._example("Good:")

    @cached_property
    def _parts(self) -> list[str]:
        return re.split(r"^(Bad:|Good:)\n", inspect.cleandoc(self.text), flags=re.MULTILINE)

    def _example(self, kind: str) -> str:
        parts = self._parts
        return textwrap.dedent(parts[parts.index(kind) + 1]).strip("\n") if kind in parts else ""


CATALOGUE: dict[str, Rule] = {}  # in the order in which docs/rules.md lists them


def rule(
    name: str, severity: Severity = "error", *, whole: bool = False, optional: bool = False
) -> Callable[[Function], Function]:
    """Enter a function into the catalogue as the rule ``name``."""

    def enter(function: Function) -> Function:
        CATALOGUE[name] = Rule(name, severity, function.__doc__ or "", function, whole, optional)
        return function

    return enter


def elsewhere(name: str, text: str, severity: Severity = "error") -> None:
    """Document a rule whose problems are found when the module is loaded, or by the build."""
    CATALOGUE[name] = Rule(name, severity, text)


def run(draft: Draft) -> list[Problem]:
    """Every problem that the rules find in a draft, each with its rule's severity, in reading order."""
    rules = [rule for rule in CATALOGUE.values() if rule.check and (draft.parses or not rule.whole)]
    return sorted({problem for rule in rules if rule.check for problem in rule.check(draft)})
