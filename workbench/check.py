"""The check: what the rules find in the notebooks and stage files, and nothing written."""

from __future__ import annotations

from workbench.build import build
from workbench.problems import Problem
from workbench.project import Project


def check(project: Project, names: set[str] | None = None, processes: int = 1) -> list[Problem]:
    """Every problem, in reading order; with ``names`` only those of these use cases' notebooks."""
    problems = build(project, check=True, processes=processes, advise=True).problems
    if names:
        wanted = {f"usecases/{name}.ipynb" for name in names}
        problems = [problem for problem in problems if problem.notebook in wanted]
    return sorted(problems)
