"""`artemis replay`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.commands.common import CannotRun, find_project, start_of
from workbench.databases import database_option, name_database, telling

if TYPE_CHECKING:
    from workbench.replaying.gates import Gate
    from workbench.replaying.report import Report
    from workbench.replaying.run import Asked, Replay

FORMATS = {".json": "json", ".md": "markdown", ".html": "html"}
WIDTH = 160  # columns where nobody's terminal sets a limit


@click.command()
@click.argument("name")
@click.option("--since", default="30d", show_default=True, metavar="AGE|DAY", help="30d, 12h, or 2026-11-01 (UTC).")
@click.option("--until", default=None, metavar="AGE|DAY", help="Before this time; default: now.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter; VALUE is JSON.")
@click.option("--notebook", type=click.Path(path_type=Path), help="Another notebook than the working one.")
@click.option("--rev", metavar="GIT_REV", help="The notebook and stage file as they were at a git revision.")
@click.option("--version", metavar="VERSION", help="A version that decided before, as the store keeps it.")
@click.option("--stage", default=None, help="Of decisions taken on this stage, under its parameters.")
@click.option("--limit", type=click.IntRange(min=1), help="The newest so many decisions.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
@click.option("--dask", metavar="ADDRESS", help="A Dask scheduler, such as tcp://10.0.0.5:8786.")
@click.option("--fail-if", "gates", multiple=True, metavar="GATE", help="'flips > 2%', 'recall[reject] < 0.95', …")
@click.option("--self-check", is_flag=True, help="Prove that every version decides again as it did.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown", "html"]), help="Default: by --output, or text."
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file to write, not printing.")
@database_option
def replay(
    name: str,
    since: str,
    until: str | None,
    form: str | None,
    output: Path | None,
    database: str | None,
    self_check: bool,
    gates: tuple[str, ...],
    **options: Any,
) -> None:
    """Decide past decisions again, from their facts: what would a change have done? No model is called.

    The candidate is the working notebook under the stage's parameters and those that are --set; or another notebook,
    a git revision, or a version that decided before. Told are flips by outcome, reason and day, agreement with labels
    before and after, and what could not be compared. Facts are used where the candidate would ask the same; what
    calling for others would cost is estimated. The database is only read.

    Exit code 1: a gate fails, or the self-check finds a difference. 2: nothing could be replayed, or a gate cannot be
    judged.
    """
    project, url = find_project(), name_database(database, options["stage"])
    form = form or FORMATS.get(output.suffix if output else "", "text")
    with told(), telling(url):
        asked = _asked(name, since, until, options)
        parsed = _gates(gates)
        if self_check:
            _refuse_with_check(options, gates, form)
            _check(project, url.url, asked, form, output)
            return
        from workbench.replaying.run import Replay

        made = Replay(project, url.url, asked)
        report = _report(made, form)
        failed = [(gate, value) for gate in parsed for fails, value in [gate.check(report)] if fails]
    _write(_rendered(report, form), output)
    for gate, value in failed:
        click.echo(f"gate {gate.text!r} fails: {gate.metric} is {value:.4g}", err=True)
    sys.exit(1 if failed else 0)


@contextmanager
def told() -> Iterator[None]:
    """What keeps a replay from being made ends the command with exit code 2."""
    from workbench.replaying.errors import CannotReplay

    try:
        yield
    except CannotReplay as error:
        raise CannotRun(str(error)) from None
    except KeyboardInterrupt:
        click.echo("stopped: nothing was written", err=True)
        sys.exit(130)


def _asked(name: str, since: str, until: str | None, options: dict[str, Any]) -> Asked:
    from chalicelib.manifest import snake
    from workbench.replaying.errors import CannotReplay
    from workbench.replaying.run import Asked
    from workbench.validation.plan import BadSetting, settings_of

    chosen = [f"--{key}" for key in ("notebook", "rev", "version") if options[key]]
    if len(chosen) > 1:
        raise CannotReplay(f"{' and '.join(chosen)} name two candidates: give one")
    start, end = start_of(since), start_of(until) if until else datetime.now(UTC)
    if start >= end:
        raise CannotReplay(f"--since {start:%Y-%m-%d %H:%M} is not before --until {end:%Y-%m-%d %H:%M} UTC")
    try:
        settings = settings_of(options["settings"])
    except BadSetting as error:
        raise CannotReplay(str(error)) from None
    return Asked(
        snake(name.removesuffix(".ipynb").rpartition("/")[2]),
        start,
        end,
        options["stage"],
        options["limit"],
        settings,
        options["notebook"],
        options["rev"],
        options["version"],
        options["workers"],
        options["dask"],
    )


def _gates(texts: tuple[str, ...]) -> list[Gate]:
    from workbench.replaying.gates import parse

    return [parse(text) for text in texts]


def _report(made: Replay, form: str) -> Report:
    with progress(made.total) as tell:
        report = made.report(tell)
    if form == "html":
        report.curves = made.curves()
    return report


@contextmanager
def progress(total: int) -> Iterator[Any]:
    """Tells how far it is, where somebody sees it."""
    if not sys.stderr.isatty():
        yield lambda _decisions: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replaying", total=total)
        yield lambda decisions: bar.advance(task, decisions)


def _rendered(report: Report, form: str) -> str:
    if form == "json":
        return json.dumps(report.as_dict(), ensure_ascii=False, indent=1) + "\n"
    if form == "html":
        from workbench.replaying.page import page

        return page(report)
    from workbench.replaying.tell import markdown

    return markdown(report) if form == "markdown" else _text(report)


def _text(report: Report) -> str:
    from io import StringIO

    from rich.console import Console

    from workbench.replaying.tell import print_report

    is_terminal = sys.stdout.isatty()
    console = Console(
        file=StringIO(), highlight=False, force_terminal=is_terminal, width=None if is_terminal else WIDTH
    )
    print_report(report, console)
    file: Any = console.file
    return str(file.getvalue())


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise CannotRun(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"written: {output}")


def _refuse_with_check(options: dict[str, Any], gates: tuple[str, ...], form: str) -> None:
    """The self-check has no candidate: every version decides again as it was."""
    from workbench.replaying.errors import CannotReplay

    given = [f"--{name}" for name in ("settings", "notebook", "rev", "version", "dask") if options[name]]
    given += ["--fail-if"] * bool(gates) + ["--workers"] * (options["workers"] > 1)
    if given:
        named = ", ".join(given).replace("--settings", "--set")
        raise CannotReplay(f"--self-check runs each version as it was, in one process: it takes no {named}")
    if form not in ("text", "json"):
        raise CannotReplay(f"--self-check reports as text or json, not {form}")


def _check(project: Any, url: str, asked: Asked, form: str, output: Path | None) -> None:
    from workbench.replaying.selfcheck import self_check

    found = self_check(project, url, asked)
    text = json.dumps(found.as_dict(), ensure_ascii=False, indent=1) + "\n" if form == "json" else found.text()
    _write(text, output)
    sys.exit(1 if found.differing else 0)
