"""Severities, and opting out: ``# artemis: ignore[rule]`` on a line leaves out that rule's problem there.

A problem of a whole cell (its tags, its outputs) is left out on the cell's first line. What the
module cannot be built without has no way out. An opt-out that leaves nothing out is reported.
"""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace

from workbench.notebook import Cell, Notebook
from workbench.problems import Problem, at
from workbench.rules.catalogue import CATALOGUE, rule
from workbench.secrets import masked_problems

MARK = "artemis:"
FORM = re.compile(r"#\s*artemis:\s*ignore\s*(?:\[([^\]]*)\])?")


@dataclass(frozen=True, slots=True)
class OptOut:
    """One named rule on one line; ``name`` is empty where no rule is named."""

    cell: Cell
    line: int
    column: int
    name: str

    def covers(self, problem: Problem) -> bool:
        there = problem.cell == self.cell.number and max(problem.line, 1) == self.line
        return there and problem.rule == self.name and CATALOGUE[self.name].optional


def settle(notebook: Notebook, problems: list[Problem]) -> list[Problem]:
    """The problems with their rules' severities, those opted out of left out, needless opt-outs added."""
    graded = [replace(p, severity=CATALOGUE[p.rule].severity) if p.rule in CATALOGUE else p for p in problems]
    optouts = [optout for cell in notebook.code if MARK in cell.source for optout in _optouts(cell)]
    if not optouts:
        return masked_problems(graded)
    kept = [problem for problem in graded if not any(optout.covers(problem) for optout in optouts)]
    needless = [_needless(notebook, optout) for optout in optouts if not any(map(optout.covers, graded))]
    return masked_problems(kept + needless)


def _optouts(cell: Cell) -> Iterator[OptOut]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(cell.source).readline))
    except (tokenize.TokenError, SyntaxError):
        return  # a cell that is no Python is reported itself
    for token in tokens:
        if token.type == tokenize.COMMENT:
            for found in FORM.finditer(token.string):
                names = [name.strip() for name in (found[1] or "").split(",")]
                yield from (OptOut(cell, token.start[0], token.start[1] + found.start() + 1, name) for name in names)


@rule("unused-ignore", "warning")
def unused_ignore(_: object) -> Iterator[Problem]:
    """An opt-out names a rule that would report its line.

    `# artemis: ignore[rule]` at the end of a line leaves out that rule's problem on that line; several rules are
    named with commas. A problem of a whole cell is left out on the cell's first line. Rules that the module cannot be
    built without cannot be left out. Remove an opt-out once it is not needed, or it will hide the next problem.

    Bad:
        LIMIT = 3  # artemis: ignore[set-order]
    """
    return iter(())  # reported when all other rules have spoken


def _needless(notebook: Notebook, optout: OptOut) -> Problem:
    message, hint = f"no {optout.name} problem is on this line", "remove the opt-out"
    if not optout.name:
        message, hint = "the opt-out names no rule", "name it: # artemis: ignore[rule]"
    elif optout.name not in CATALOGUE:
        close = difflib.get_close_matches(optout.name, CATALOGUE, n=1)
        message, hint = (
            f"there is no rule {optout.name!r}",
            f"did you mean {close[0]!r}?" if close else "see docs/rules.md",
        )
    elif not CATALOGUE[optout.name].optional:
        message = f"nobody can opt out of {optout.name}: without it the module cannot be built"
    problem = at(notebook, optout.cell, "unused-ignore", message, hint, optout.line, optout.column)
    return replace(problem, severity="warning")
