"""The check: what the rules find in the notebooks and stage files, and no module written."""

from __future__ import annotations

from workbench.build import build
from workbench.problems import Problem
from workbench.project import Project


def check(project: Project, names: set[str] | None = None, processes: int = 1, anew: bool = False) -> list[Problem]:
    """Every problem, in reading order; with ``names`` those of these use cases, and of stage files, which serve all.

    Looks only at what changed since the last check or build, unless ``anew``.
    """
    problems = build(project, check=True, processes=processes, advise=True, anew=anew).problems
    if names:
        problems = [problem for problem in problems if any(_concerns(problem, name) for name in names)]
    return sorted(problems)


def _concerns(problem: Problem, name: str) -> bool:
    if problem.rule == "stage-parameters":
        return problem.message.startswith(f"use_cases.{name}.")
    return problem.rule == "stage-file" or problem.notebook == f"usecases/{name}.ipynb"
