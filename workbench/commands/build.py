"""`artemis build`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from chalicelib.warmup import without_collector
from workbench.commands.common import CannotRun, find_project

if TYPE_CHECKING:
    from workbench.build import Report


@click.command()
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
        return run(find_project(), check=check, processes=os.cpu_count() or 1)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise CannotRun(f"a file cannot be read or written: {error.strerror}{where}") from None
    except Died as error:
        raise CannotRun(str(error)) from None
