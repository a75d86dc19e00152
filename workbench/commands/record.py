"""`artemis record`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project, find_use_case, format_option

if TYPE_CHECKING:
    from workbench.project import Project
    from workbench.record import Outcome


@click.command()
@click.argument("name")
@click.option("--stage", default="staging", show_default=True, help="Whose providers are asked.")
@click.option("--emulators", is_flag=True, help="Against emulated clouds, in a checkout of Artemis.")
@click.option(
    "--replace/--merge",
    default=True,
    help="Keep just what this run asks (the default), or what was recorded before, too.",
)
@click.option(
    "--cell-timeout",
    default=600.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds that one cell may take.",
)
@format_option("text", "json")
def record(name: str, stage: str, emulators: bool, replace: bool, cell_timeout: float, form: str) -> None:
    """Run a notebook against a stage's providers, and keep what they answer.

    It is kept in usecases/recordings/NAME.jsonl, without secrets and account ids. A stage file that names the
    provider `recorded` answers from it: `artemis test` then needs no credentials. Exit code 1 when a cell fails or the
    notebook is refused, and when it asks no model; the file is then left as it was.
    """
    project = find_project()
    outcome = _record(project, find_use_case(project, name), stage, emulators, not replace, cell_timeout, form)
    if form == "json":
        click.echo(json.dumps(outcome.as_dict(), ensure_ascii=False, indent=1))
    else:
        _print(outcome)
    sys.exit(outcome.verdict != "recorded")


def _record(project: Project, name: str, stage: str, emulators: bool, merge: bool, limit: float, form: str) -> Outcome:
    from workbench.record import Outcome, planned, record
    from workbench.validation.plan import BadSetting, Refused
    from workbench.validation.tell import progress

    try:
        plan = planned(project, name, stage)
        with (
            _around(project, emulators) as environment,
            progress([name], form == "text" and sys.stdout.isatty()) as tell,
        ):
            return record(project, plan, limit, merge, tell, environment)
    except BadSetting as error:
        raise CannotRun(str(error)) from None
    except Refused as error:
        return Outcome(name, stage, f"usecases/recordings/{name}.jsonl", error.problems)
    except OSError as error:
        raise CannotRun(f"a file cannot be read or written: {error.strerror}: {error.filename}") from None
    except ImportError as error:
        raise CannotRun(
            f"{error.name} is not installed: run `make setup`, or pip install 'artemis[notebook]'"
        ) from None
    except KeyboardInterrupt:
        click.echo("stopped: nothing was recorded", err=True)
        sys.exit(130)


@contextmanager
def _around(project: Project, emulators: bool) -> Iterator[dict[str, str]]:
    """The environment to run in: this one, or one that leads to emulated clouds."""
    if not emulators:
        yield dict(os.environ)
        return
    from workbench.emulators import NoEmulators, emulating

    try:
        with emulating(project) as running:
            yield running.environment(os.environ)
    except NoEmulators as error:
        raise CannotRun(str(error)) from None


def _print(outcome: Outcome) -> None:
    if outcome.executed is None:
        _print_problems(outcome)
        click.echo(f"{outcome.name} was not run, and nothing was recorded")
    elif not outcome.executed.passed:
        for failure in outcome.executed.failures:
            click.echo(f"usecases/{outcome.name}.ipynb  {failure.place}\n  {failure.message}")
            if failure.code:
                click.echo(f"    {failure.code}")
        click.echo(f"nothing was recorded{_unchanged(outcome)}")
        _print_failed(outcome, "not answered")
    elif outcome.failed and not outcome.recordings:
        click.echo(f"no model answered {outcome.name} on {outcome.stage}{_unchanged(outcome)}")
        _print_failed(outcome, "not answered")
    elif not outcome.recordings:
        click.echo(
            f"{outcome.name} asked no model on {outcome.stage}: nothing was recorded. Does a cell `show` a request?"
        )
    else:
        _print_recorded(outcome)


def _print_problems(outcome: Outcome) -> None:
    from rich.console import Console

    from workbench.report import print_problems

    print_problems(outcome.problems, Console(highlight=False))


def _print_recorded(outcome: Outcome) -> None:
    count = len(outcome.recordings)
    click.echo(f"{outcome.file}: {count} answer{'s' * (count != 1)} of {outcome.stage}")
    for what, number in outcome.answers.items():
        click.echo(f"  {number} × {what}")
    for kind, number in sorted(outcome.scrubbed.items()):
        click.echo(f"  scrubbed: {number} × {kind}")
    _print_failed(outcome, "not recorded")
    if outcome.gone:
        click.echo(f"  removed: {outcome.gone} that this run did not ask for (--merge keeps them)")
    if outcome.differing:
        click.echo(f"  {outcome.differing} answered once so and once otherwise: the first answer is kept")


def _unchanged(outcome: Outcome) -> str:
    return f": {outcome.file} is as it was" if outcome.existed else ""


def _print_failed(outcome: Outcome, verdict: str) -> None:
    """The calls that failed: why a cell did, maybe, and what a stage that answers from this file will not have."""
    for what, number in sorted(outcome.failed.items()):
        click.echo(f"  {verdict}: {number} × {what}")
