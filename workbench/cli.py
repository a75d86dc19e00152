"""The command line, `artemis`. Exit code 1: found something; 2: cannot run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chalicelib import __version__
from chalicelib.warmup import without_collector

if TYPE_CHECKING:
    from chalice.app import Chalice

    from workbench.build import Report
    from workbench.project import Project

MINIMUM, BEYOND = (3, 11), (3, 14)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="artemis")
def main() -> None:
    """Artemis: decisions from notebooks."""
    if not MINIMUM <= sys.version_info[:2] < BEYOND:
        version = ".".join(map(str, sys.version_info[:3]))
        raise CannotRun(f"Python {version} is not supported: use 3.11, 3.12 or 3.13")


class CannotRun(click.ClickException):
    """Nothing was done; the message says why and what to do."""

    exit_code = 2


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and name what is stale.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to report.")
def build(check: bool, form: str) -> None:
    """Build every notebook of usecases/ into chalicelib/usecases/."""
    with without_collector():  # nearly all that a build makes stays until it ends
        report = _build(check)
    if form == "json":
        from workbench.report import as_json

        click.echo(as_json(report))
    elif report.problems or report.changes:
        from workbench.report import print_build

        print_build(report, checked=check)
    else:
        total = len(report.unchanged)
        click.echo(f"{total} use case{'' if total == 1 else 's'}, nothing changed")
    if report.failed or (check and report.changes):
        sys.exit(1)


def _build(check: bool) -> Report:
    from workbench.build import build as run
    from workbench.share import Died

    try:
        return run(_project(), check=check, processes=os.cpu_count() or 1)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise CannotRun(f"a file cannot be read or written: {error.strerror}{where}") from None
    except Died as error:
        raise CannotRun(str(error)) from None


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--stage", default=None, help="Stage to serve; default: ARTEMIS_STAGE, or local.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1), help="Threads of each.")
def serve(host: str, port: int, stage: str | None, workers: int, threads: int) -> None:
    """Serve the built use cases over HTTP."""
    project = _project()
    if stage:
        os.environ["ARTEMIS_STAGE"] = stage
    os.chdir(project.root)
    sys.path.insert(0, str(project.root))
    from chalicelib.errors import SettingsError
    from serving.server import serve as run

    try:
        _app()  # before anything is announced
    except SettingsError as error:
        raise CannotRun(str(error)) from None
    run(_app, host=host, port=port, workers=workers, threads=threads, on_ready=_say_where)


def _app() -> Chalice:
    from app import app

    return app


def _say_where(url: str) -> None:
    click.echo(f"Artemis answers at {url}\n  documentation  {url}/docs\n  contract       {url}/openapi.json")


@main.command()
@click.option("--seconds", default=120, show_default=True, help="How long to wait for the service to start.")
def demo(seconds: int) -> None:
    """Start the service and decide on three sample photos."""
    from workbench.demo import demo as run

    sys.exit(run(_project(), seconds))


def _project() -> Project:
    from workbench.project import Project

    try:
        return Project.find(Path.cwd())
    except FileNotFoundError as error:
        raise CannotRun(str(error)) from None
