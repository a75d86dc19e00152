"""The rules that need a notebook's text: one function each, named for its rule.

A rule takes a draft and yields problems; none stops another, so all of a notebook's problems are
reported at once. What needs the code to run (annotations, defaults, fallbacks) is found when the
build loads the module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules import closure, contract, form, rebinding, syntax

Rule = Callable[[Draft], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    form.tags,
    form.one_parameters_cell,
    syntax.syntax,
    syntax.compiles,
    form.parameter_form,
    contract.fact,
    contract.star_import,
    contract.task_called,
    rebinding.rebinding,
    rebinding.parameter_rebound,
)
# Where a cell does not parse, what it would define is unknown: these would report it as missing.
WHOLE_MODULE_RULES: tuple[Rule, ...] = (form.required, contract.graph, closure.closure)


def check(draft: Draft) -> list[Problem]:
    """Every problem that the rules find, in reading order."""
    rules = RULES + WHOLE_MODULE_RULES if draft.parses else RULES
    return sorted({problem for rule in rules for problem in rule(draft)})
