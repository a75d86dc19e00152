"""`artemis run`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project, find_use_case, format_option, note_stale_stage

if TYPE_CHECKING:
    from workbench.live import Ran
    from workbench.project import Project


@click.command()
@click.argument("name")
@click.option(
    "--request",
    "given",
    metavar="JSON|@FILE",
    help="The request as JSON, or @FILE that holds it; @- reads it from the input.  [default: the contract's example]",
)
@click.option("--stage", default="local", show_default=True, help="Whose providers and parameters decide.")
@click.option("--trace", is_flag=True, help="Show every step's result, and why tasks fell back.")
@format_option("text", "json")
def run(name: str, given: str | None, stage: str, trace: bool, form: str) -> None:
    """Decide once with the built use case NAME, in this process; nothing is stored.

    Exit code 1 when a step fails, with its place in the notebook; 2 when the request is not valid.
    """
    from workbench.once import as_dict

    project = find_project()
    ran = _decide(project, find_use_case(project, name), given, stage)
    if form == "json":
        click.echo(json.dumps(as_dict(ran, stage, trace), ensure_ascii=False, indent=1))
    else:
        _print(ran, trace)
    if ran.result.failure:
        sys.exit(1)


def _decide(project: Project, name: str, given: str | None, stage: str) -> Ran:
    from chalicelib.errors import ContractError, Invalid, Malformed, ServiceError, SettingsError
    from workbench.once import NotBuilt, decide, example, is_stale, prepare

    try:
        usecase, settings, manifest = prepare(project, name, stage)
        if is_stale(project, name):
            click.echo(f"note: the notebook of {name} has changed since it was built: run `artemis build`", err=True)
        note_stale_stage(project, stage)
        body = example(manifest, name) if given is None else _read(given)
        if body is None:
            raise CannotRun("the contract has no example: give --request JSON or --request @file.json")
        return decide(usecase, settings, body, frozenset(manifest.names))
    except Invalid as error:
        problems = "".join(f"\n  {each['pointer'] or '(the whole)'}: {each['detail']}" for each in error.errors)
        raise CannotRun(f"the request is not valid:{problems}") from None
    except Malformed as error:
        raise CannotRun(f"--request is no JSON text: {error.detail}") from None
    except ServiceError as error:  # a photo that cannot be had
        raise CannotRun(error.detail) from None
    except (NotBuilt, SettingsError, ContractError) as error:
        raise CannotRun(str(error)) from None


def _read(given: str) -> str:
    if not given.startswith("@"):
        return given
    try:
        return sys.stdin.read() if given == "@-" else Path(given[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRun(f"--request {given}: the file cannot be read: {getattr(error, 'strerror', error)}") from None


def _print(ran: Ran, trace: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from workbench.live import Shown, Times, results
    from workbench.once import tracebacks
    from workbench.rankings import as_lines

    console, errors = Console(highlight=False), Console(highlight=False, stderr=True)
    shown = Shown(ran.usecase, ran.result, results(ran))
    failure = ran.result.failure
    console.print(Text(shown.headline(), "bold red" if failure else "bold"), soft_wrap=True)
    if shown.places:
        console.print(Text("\n".join(as_lines(shown.places))), soft_wrap=True)
    if trace:
        console.print(Text(f"{shown.steps()}\n{Times(ran.usecase, ran.result.timings)!r}"), soft_wrap=True)
    for step, text in tracebacks(ran):
        if trace or (failure and failure.step == step):
            errors.print(Text(f"\n{step}:\n", "bold").append(text, "not bold"), soft_wrap=True)
