"""The check: what the rules find in the notebooks and stage files, and no module written."""

from __future__ import annotations

from workbench.build import build
from workbench.problems import Problem
from workbench.project import Project


def check(project: Project, names: set[str] | None = None, processes: int = 1, anew: bool = False) -> list[Problem]:
    """Every problem, in reading order; with ``names`` only those of these use cases' notebooks.

    Looks only at what changed since the last check or build, unless ``anew``.
    """
    problems = build(project, check=True, processes=processes, advise=True, anew=anew).problems
    if names:
        wanted = {f"usecases/{name}.ipynb" for name in names}
        problems = [problem for problem in problems if problem.notebook in wanted]
    return sorted(problems)
