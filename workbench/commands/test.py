"""`artemis test`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project, find_use_case, format_option
from workbench.testing.results import TIERS, Suite

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.testing.plan import Plan


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--tier",
    "tiers",
    multiple=True,
    type=click.Choice(TIERS),
    show_default="all",
    help="Test this only; can be given more than once. rules and cases start no kernel.",
)
@click.option("--jobs", type=click.IntRange(1), default=None, show_default="one per core", help="Kernels at a time.")
@click.option(
    "--cell-timeout",
    type=click.FloatRange(0, min_open=True),
    default=120.0,
    show_default=True,
    help="Seconds that one cell may take.",
)
@click.option(
    "--junit", type=click.Path(path_type=Path), default="reports/junit.xml", show_default=True, help="JUnit XML."
)
@click.option(
    "--stage",
    default="local",
    show_default=True,
    help="Whose providers answer notebooks, and whose parameters decide cases that name no stage.",
)
@format_option("text", "json")
def test(
    names: tuple[str, ...],
    tiers: tuple[str, ...],
    jobs: int | None,
    cell_timeout: float,
    junit: Path,
    stage: str,
    form: str,
) -> None:
    """Test use cases: the rules, the recorded cases, and the notebooks in real kernels.

    Without NAME all of them. A recorded case (`artemis case add`) is decided again from its facts, by the notebook and
    by its built module; a notebook's cells are run under its own parameters, and their outputs compared with those that
    are saved. Exit code 1 when anything failed.
    """
    from workbench.testing.plan import Plan

    project = find_project()
    wanted = sorted({find_use_case(project, name) for name in names})
    known = sorted(path.stem for path in project.notebooks.glob("*.ipynb"))
    if not known:
        raise CannotRun("there is no notebook in usecases/: `artemis new` writes one")
    if not (project.stages / f"{stage}.yaml").is_file() and stage != "local":
        raise CannotRun(f"there is no stage file usecases/stages/{stage}.yaml")
    plan = Plan(wanted or known, tiers or TIERS, stage, jobs or os.cpu_count() or 1, cell_timeout, not wanted)
    suites = _run(project, plan)
    _report(suites, project.root / junit, form)
    if any(suite.failed for suite in suites):
        sys.exit(1)


def _run(project: Project, plan: Plan) -> list[Suite]:
    from workbench.share import Died
    from workbench.testing import run as testing
    from workbench.testing.sanitize import CannotTest

    try:
        return testing.run(project, plan)
    except (CannotTest, Died) as error:
        raise CannotRun(str(error)) from None
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise CannotRun(f"a file cannot be read: {error.strerror}{where}") from None


def _report(suites: list[Suite], junit: Path, form: str) -> None:
    from workbench.testing import tell
    from workbench.testing.junit import save

    try:
        save(suites, junit)
    except OSError as error:
        raise CannotRun(f"{junit} cannot be written: {error.strerror}") from None
    if form == "json":
        click.echo(tell.as_json(suites))
    else:
        tell.print_suites(suites)
