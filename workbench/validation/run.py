"""Validating several use cases at once: plans are made first, then as many kernels run as there are jobs.

Kernels are processes; here a thread waits for each. When a person stops it (Ctrl-C), all of them are
ended and nothing more is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.datasets import Dataset
from workbench.problems import Problem
from workbench.project import Project
from workbench.validation.plan import BadSetting, Plan, Refused, plan, read_stage

if TYPE_CHECKING:
    from workbench.validation.execute import Kernels, Tell
    from workbench.validation.keep import Kept


@dataclass
class Outcome:
    """What came of one use case: a run with its files, or the problems for which it was refused."""

    name: str
    stage: str
    kept: Kept | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if self.kept is None:
            return "refused"
        return "passed" if self.kept.executed.passed else "failed"

    def as_dict(self) -> dict[str, Any]:
        """The form for CI. ``metrics``: name -> ``{"before", "now"}``, null where there was or is none."""
        found: dict[str, Any] = {"use_case": self.name, "stage": self.stage, "verdict": self.verdict}
        if self.kept is None:
            return found | {"problems": [problem.as_dict() for problem in self.problems]}
        executed = self.kept.executed
        return found | {
            **_of_dataset(executed.plan),
            "version": executed.plan.version,
            "parameters": executed.plan.parameters,
            "changes": {name: {"default": old, "now": new} for name, (old, new) in executed.plan.changes.items()},
            "metrics": {name: {"before": old, "now": new} for name, old, new in self.kept.rows()},
            "failures": [failure.as_dict() for failure in executed.failures],
            "seconds": round(executed.seconds, 2),
            "files": self.kept.files,
        }


def _of_dataset(plan: Plan) -> dict[str, Any]:
    return {"dataset": plan.dataset.as_dict()} if plan.dataset else {}


def plan_all(
    project: Project, names: Sequence[str], stage: str, given: Mapping[str, Any], dataset: Dataset | None = None
) -> tuple[list[Plan], list[Outcome]]:
    """The plans, and those refused. Raises BadSetting; Refused when the stage file itself has problems."""
    content = read_stage(project, stage)
    plans, refused = [], []
    for name in names:
        try:
            plans.append(replace(plan(project, name, stage, content, given), dataset=dataset))
        except Refused as error:
            refused.append(Outcome(name, stage, problems=error.problems))
    return plans, refused


def run(project: Project, plans: Sequence[Plan], limit: float, jobs: int, tell: Tell) -> list[Outcome]:
    """Run every plan, at most ``jobs`` at a time. On KeyboardInterrupt the kernels are ended first."""
    from workbench.quick import without_grammar

    with without_grammar():
        from workbench.validation.execute import Kernels

    kernels = Kernels()
    pool = ThreadPoolExecutor(max_workers=max(1, min(jobs, len(plans))))
    futures = [pool.submit(_one, project, plan, limit, tell, kernels) for plan in plans]
    try:
        return [future.result() for future in _ended(futures)]
    except BaseException:
        kernels.stop()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        pool.shutdown(wait=True)


def _ended(futures: Sequence[Future[Outcome]]) -> Sequence[Future[Outcome]]:
    """The same futures, when the last of them has ended; the first error is raised at once."""
    for future in as_completed(futures):
        future.result()
    return futures


def _one(project: Project, plan: Plan, limit: float, tell: Tell, kernels: Kernels) -> Outcome:
    from workbench.validation.execute import execute
    from workbench.validation.keep import keep

    executed = execute(plan, limit, tell, kernels)
    if kernels.stopped:
        raise KeyboardInterrupt
    kept = keep(project, executed)
    tell(plan.name, len(executed.numbers), len(executed.numbers))
    return Outcome(plan.name, plan.stage, kept)


__all__ = ["BadSetting", "Outcome", "Refused", "plan_all", "run"]
