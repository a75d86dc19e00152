"""`artemis diff`."""

from __future__ import annotations

import json
import sys

import click

from chalicelib.warmup import without_collector
from workbench.commands.common import CannotRun, find_project, format_option


@click.command()
@click.argument("revisions", nargs=-1, metavar="[REV [REV2]]")
@format_option("text", "markdown", "json")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when something changed, as git does.")
def diff(revisions: tuple[str, ...], form: str, exit_code: bool) -> None:
    """Say what changed for the business since a git revision.

    Compares REV (default: HEAD) with the working tree, or with REV2; REV..REV2 is the same.
    Parameters, steps, tasks, contract and stages are compared; outputs and prose are not.
    Exit code 0, whatever changed; 2 when a revision cannot be read.
    """
    from workbench.diff.compare import compare
    from workbench.diff.report import as_markdown, print_text
    from workbench.diff.revision import NoRevision, at_revision, working_tree

    if len(revisions) == 1 and ".." in revisions[0]:
        first, _, second = revisions[0].partition("..")
        revisions = (first or "HEAD", second.lstrip(".") or "HEAD")
    if len(revisions) > 2:
        raise CannotRun("give at most two revisions: artemis diff REV REV2")
    project = find_project()
    with without_collector():
        try:
            old = at_revision(project, revisions[0] if revisions else "HEAD")
            new = at_revision(project, revisions[1]) if len(revisions) > 1 else working_tree(project)
        except NoRevision as error:
            raise CannotRun(str(error)) from None
        found = compare(old, new)
    if form == "json":
        click.echo(json.dumps(found.as_dict(), ensure_ascii=False, indent=1, default=str))
    elif form == "markdown":
        click.echo(as_markdown(found))
    else:
        from rich.console import Console

        print_text(found, Console(highlight=False))
    if exit_code and found:
        sys.exit(1)
