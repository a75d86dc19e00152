"""`artemis build`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from chalicelib.warmup import without_collector
from workbench.commands.common import CannotRun, find_project, format_option

if TYPE_CHECKING:
    from workbench.build import Report


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and name what is stale or was edited by hand.")
@click.option("--force", is_flag=True, help="Discard what was edited by hand in generated modules.")
@click.option("--watch", is_flag=True, help="Build again whenever a notebook or a stage file is saved; Ctrl-C ends it.")
@format_option("text", "json")
def build(check: bool, force: bool, watch: bool, form: str) -> None:
    """Build every notebook of usecases/ into chalicelib/usecases/.

    A module that was edited by hand is left as it is, and the edit is shown beside its cell.
    """
    if check and (force or watch):
        raise click.UsageError("--check writes nothing: use it without --force and --watch")
    if watch:
        _watch(force, form)
        return
    with without_collector():  # nearly all that a build makes stays until it ends
        report = _build(check, force)
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


def _watch(force: bool, form: str) -> None:
    if form != "text":
        raise click.UsageError("--watch reports as text: use it without --format")
    from workbench.watch import watch as run

    project = find_project()
    try:
        run(project, force)
    except OSError as error:
        raise CannotRun(f"{project.notebooks} cannot be watched: {error.strerror or error}") from None


def _build(check: bool, force: bool) -> Report:
    from workbench.build import build as run
    from workbench.share import Died

    try:
        return run(find_project(), check=check, processes=os.cpu_count() or 1, force=force)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise CannotRun(f"a file cannot be read or written: {error.strerror}{where}") from None
    except Died as error:
        raise CannotRun(str(error)) from None
