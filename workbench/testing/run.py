"""All tiers together. The notebooks' processes start first: most of their time is waiting for kernels."""

from __future__ import annotations

from chalicelib.warmup import without_collector
from workbench.project import Project
from workbench.testing.plan import Plan
from workbench.testing.results import Suite


def run(project: Project, plan: Plan) -> list[Suite]:
    """Every suite, in the order of the tiers. Raises kernels.CannotTest when notebooks cannot be run at all."""
    notebooks = None
    if "notebooks" in plan.tiers and plan.names:
        from workbench.testing import kernels

        notebooks = kernels.start(project, plan)
    try:
        suites = _in_process(project, plan)
        return suites + (notebooks.wait() if notebooks else [])
    finally:
        if notebooks:
            notebooks.end()


def _in_process(project: Project, plan: Plan) -> list[Suite]:
    suites: list[Suite] = []
    with without_collector():  # nearly all that is made stays until the end
        if "rules" in plan.tiers:
            from workbench.testing import rules

            suites.append(rules.run(project, plan.names))
        if "cases" in plan.tiers:
            from workbench.testing import decisions

            suites += decisions.run(project, plan.names, plan.stage, plan.complete)
    return suites
