"""What loading a module found beyond what its text had shown: each defect is reported once."""

from __future__ import annotations

from workbench.draft import Draft
from workbench.problems import Problem

UNKNOWN_NAME = ("NameError", "UnboundLocalError", "PydanticUndefinedAnnotation", "PydanticUserError")
# rule of the text -> rules that find the same defect in the same statement of the loaded module
SAME = {
    "fact": {"fact"},
    "closure": {"annotation", "fact", "load"},
    "parameter-form": {"parameters"},
    "reserved-name": {"reserved-name"},
    "missing-requirement": {"load"},
    "private-import": {"load"},
}


def news(draft: Draft, known: list[Problem], found: list[Problem]) -> list[Problem]:
    """Of the problems ``found`` by loading, those that repeat none of the ``known`` ones."""
    return [problem for problem in found if not any(_repeats(draft, problem, other) for other in known)]


def _repeats(draft: Draft, problem: Problem, known: Problem) -> bool:
    if (problem.rule, problem.message) == (known.rule, known.message):
        return True
    if known.rule == "required":
        return problem.rule in ("model-missing", "decide-missing") and known.message.split()[-1] in problem.message
    if known.rule == "closure" and problem.message.startswith(
        tuple(f"the code raises {name}" for name in UNKNOWN_NAME)
    ):
        return True
    if known.rule == "parameter-form" and problem.rule == "parameters" and not problem.cell:
        return True
    return problem.rule in SAME.get(known.rule, ()) and _statement(draft, problem) == _statement(draft, known)


def _statement(draft: Draft, problem: Problem) -> tuple[int, int]:
    """Cell and number of the top-level statement in which a problem lies."""
    parsed = next((parsed for parsed in draft.exported if parsed.cell.number == problem.cell), None)
    line = problem.line + parsed.first - 1 if parsed else 0
    for number, statement in enumerate(parsed.tree.body if parsed and parsed.tree else ()):
        if line <= (statement.end_lineno or 0):
            return problem.cell, number
    return problem.cell, -1
