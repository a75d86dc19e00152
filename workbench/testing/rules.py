"""The tier of rules: no notebook has an error, and every module is what its notebook makes."""

from __future__ import annotations

import os
from time import perf_counter

from workbench.problems import Problem
from workbench.project import Project
from workbench.testing.results import Fault, Suite, Test

STALE = ("built", "removed")  # what a check says of what a build would change


def run(project: Project, names: list[str]) -> Suite:
    """Every error of these use cases' notebooks and of the stage files, and what is stale."""
    began = perf_counter()
    problems, stale = _check(project)
    paths = {f"usecases/{name}.ipynb": name for name in names}
    suite = Suite("rules", "", f"{len(names)} notebook{'' if len(names) == 1 else 's'}")
    tests = {path: Test(name) for path, name in paths.items()}
    for problem in problems:
        if problem.notebook in paths or problem.notebook.startswith("usecases/stages/"):
            test = tests.setdefault(problem.notebook, Test(problem.notebook))
            test.faults.append(_fault(problem))
    for name in stale:
        if name in names or " " in name or name == "manifest.json":
            test = tests.get(f"usecases/{name}.ipynb") or tests.setdefault(name, Test(name))
            test.faults.append(Fault(f"{name} is stale: it is not what the notebooks make", hint="run `artemis build`"))
    suite.tests, suite.seconds = list(tests.values()), perf_counter() - began
    return suite


def _check(project: Project) -> tuple[list[Problem], list[str]]:
    """The errors, and what a build would write anew: the one place that asks the rules."""
    from workbench.build import build

    report = build(project, check=True, processes=os.cpu_count() or 1)
    errors = sorted(problem for problem in report.problems if problem.severity == "error")
    return errors, sorted(name for name, what in report.changes.items() if what in STALE)


def _fault(problem: Problem) -> Fault:
    detail = f"{problem.line} | {problem.code}" if problem.code else ""
    message, place = f"{problem.rule}: {problem.message}", problem.notebook
    return Fault(message, detail, problem.hint, place, problem.cell, problem.cell_id, problem.line)
