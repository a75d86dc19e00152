"""`artemis check`."""

from __future__ import annotations

import json
import os
import sys

import click

from chalicelib.warmup import without_collector
from workbench.commands.common import CannotRun, find_project, find_use_case, format_option


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@format_option("text", "json")
@click.option("--no-cache", is_flag=True, help="Look at everything anew, also at what has not changed since last time.")
def check(names: tuple[str, ...], form: str, no_cache: bool) -> None:
    """Check notebooks and stage files against every rule; no module is written.

    Without NAME all use cases; with one what concerns it, stage files included. Exit code 1 when there is an error;
    warnings and infos alone exit with 0. The rules are explained in docs/rules.md.
    """
    from workbench.check import check as run
    from workbench.share import Died

    project = find_project()
    wanted = {find_use_case(project, name) for name in names}
    try:
        with without_collector():
            problems = run(project, wanted, os.cpu_count() or 1, no_cache)
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        raise CannotRun(f"a file cannot be read: {error.strerror}{where}") from None
    except Died as error:
        raise CannotRun(str(error)) from None
    if form == "json":
        click.echo(json.dumps([problem.as_dict() for problem in problems], ensure_ascii=False, indent=1))
    else:
        from workbench.report import print_check

        print_check(problems)
    if any(problem.severity == "error" for problem in problems):
        sys.exit(1)
