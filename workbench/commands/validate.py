"""`artemis validate`."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from workbench.commands.common import CannotRun, find_project, find_use_case, format_option

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.validation.plan import Plan
    from workbench.validation.run import Outcome


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Every use case, in parallel.")
@click.option("--stage", default="local", show_default=True, help="Under whose parameters and providers.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter for this run; VALUE is JSON.")
@click.option("--dataset", metavar="FILE", help="What the notebook is evaluated on, instead of its own data.")
@click.option("--jobs", default=None, type=click.IntRange(1), help="Kernels at a time; default: the cores.")
@click.option(
    "--cell-timeout",
    default=600.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds that one cell may take.",
)
@format_option("text", "json")
def validate(
    names: tuple[str, ...],
    everything: bool,
    stage: str,
    settings: tuple[str, ...],
    dataset: str | None,
    jobs: int | None,
    cell_timeout: float,
    form: str,
) -> None:
    """Execute notebooks under a stage's parameters, and keep report and metrics.

    Parameters are checked before a kernel starts. What is kept is in reports/STAGE/: NAME.ipynb as executed,
    NAME.html, and NAME.metrics.json of the last run that passed; with --dataset NAME.DATASET.html and so on. The
    notebook asks for it by `dataset(…)` of `workbench`. Exit code 1 when a cell fails or a notebook is
    refused.
    """
    _need_notebook_tools()
    project = find_project()
    wanted = _wanted(project, names, everything)
    if settings and len(wanted) != 1:
        raise CannotRun("--set is for one use case: name it")
    if dataset is not None and len(wanted) != 1:
        raise CannotRun("--dataset is for one use case: name it")
    plans, refused = _plan(project, wanted, stage, settings, dataset)
    ran = _run(project, plans, cell_timeout, jobs or os.cpu_count() or 1, visible=form == "text")
    outcomes = sorted([*ran, *refused], key=lambda outcome: outcome.name)
    _print(outcomes, form)
    sys.exit(any(outcome.verdict != "passed" for outcome in outcomes))


def _need_notebook_tools() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("papermill", "nbconvert", "ipykernel") if find_spec(name) is None]
    if missing:
        raise CannotRun(f"{', '.join(missing)} not installed: run `make setup`, or pip install 'artemis[notebook]'")


def _wanted(project: Project, names: tuple[str, ...], everything: bool) -> list[str]:
    if everything == bool(names):
        raise CannotRun("name a use case, or say --all" + (", not both" if names else ""))
    if names:
        return sorted({find_use_case(project, name) for name in names})
    found = sorted(path.stem for path in project.notebooks.glob("*.ipynb"))
    if not found:
        raise CannotRun("there is no notebook in usecases/: `artemis new NAME` writes one")
    return found


def _plan(
    project: Project, names: list[str], stage: str, settings: tuple[str, ...], dataset: str | None
) -> tuple[list[Plan], list[Outcome]]:
    from workbench.datasets import Dataset
    from workbench.validation.plan import settings_of
    from workbench.validation.run import Outcome, Refused, plan_all

    try:
        named = None if dataset is None else Dataset.of(dataset)
        return plan_all(project, names, stage, settings_of(settings), named)
    except ValueError as error:  # BadSetting is one
        raise CannotRun(str(error)) from None
    except OSError as error:
        raise CannotRun(f"a file cannot be read: {error.strerror}: {error.filename}") from None
    except Refused as error:
        return [], [Outcome(name, stage, problems=error.problems) for name in names]


def _run(project: Project, plans: list[Plan], limit: float, jobs: int, visible: bool) -> list[Any]:
    if not plans:
        return []
    from workbench.validation.run import run
    from workbench.validation.tell import progress

    try:
        with progress([plan.name for plan in plans], visible and sys.stdout.isatty()) as tell:
            return run(project, plans, limit, jobs, tell)
    except KeyboardInterrupt:
        click.echo("stopped: the kernels were ended, and nothing more was written", err=True)
        sys.exit(130)
    except OSError as error:
        raise CannotRun(f"a report cannot be written: {error.strerror}: {error.filename}") from None


def _print(outcomes: list[Outcome], form: str) -> None:
    if form == "json":
        click.echo(json.dumps([outcome.as_dict() for outcome in outcomes], ensure_ascii=False, indent=1))
    else:
        from workbench.validation.tell import print_outcomes

        print_outcomes(outcomes)
