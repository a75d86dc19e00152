"""`artemis challengers`."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from workbench.commands.common import find_project, format_option, start_of
from workbench.commands.replay import told
from workbench.databases import database_option, name_database, open_database, telling

if TYPE_CHECKING:
    from chalicelib.manifest import Manifest
    from workbench.project import Project
    from workbench.replaying.challengers import Challenger, Ran
    from workbench.replaying.compare import Compared

WIDTH = 160
LEAST_QUIET = timedelta(seconds=60)


@click.group(invoke_without_command=True)
@click.pass_context
@click.option("--stage", default="local", show_default=True, help="Whose challengers.")
@click.option("--use-case", "name", default=None, help="Of this use case only.")
@click.option("--since", default="90d", show_default=True, metavar="AGE|DAY", help="30d, 12h, or 2026-11-01 (UTC).")
@database_option
@format_option("text", "json", "markdown")
def challengers(
    context: click.Context, stage: str, name: str | None, since: str, database: str | None, form: str
) -> None:
    """Compare challengers with the champion: what they would have decided, by week and against labels.

    A challenger is a set of parameters that a stage file names beside its own, under `use_cases: NAME: challengers:`.
    `artemis challengers run` replays what was decided since its last run; here what it stored is compared.
    """
    if context.invoked_subcommand is not None:
        return
    project, start = find_project(), start_of(since)
    with told(), telling(meant := name_database(database, stage)):
        from workbench.replaying.compare import compare
        from workbench.replaying.work import key_file_of

        found = _named(_manifest(project), stage, name)
        compared = [compare(meant.url, key_file_of(project), one, start) for one in found]
    if form == "json":
        click.echo(json.dumps([one.as_dict() for one in compared], ensure_ascii=False, indent=1))
    else:
        _print(compared, form)


@challengers.command()
@click.option("--stage", default="local", show_default=True, help="Whose challengers.")
@click.option("--use-case", "name", default=None, help="Of this use case only.")
@click.option("--since", default="30d", show_default=True, metavar="AGE|DAY", help="Where one that never ran begins.")
@database_option
@format_option("text", "json")
def run(stage: str, name: str | None, since: str, database: str | None, form: str) -> None:
    """Replay what was decided since the last run under each challenger, and store what it would have decided.

    For a scheduler, such as cron: no model is called and no request waits. The code is what was built. Decisions of
    the last minute are left to the next run, since some of that time may not be stored yet.
    """
    from workbench.replaying.challengers import run as run_all
    from workbench.replaying.work import key_file_of

    project, start = find_project(), start_of(since)
    meant = name_database(database, stage)
    with told(), telling(meant):
        manifest = _manifest(project)
        found = _named(manifest, stage, name)
        opened = open_database(database, stage)
        try:
            ran = run_all(opened, meant.url, key_file_of(project), found, start, _quiet(manifest, stage))
        finally:
            opened.close()
    _tell(ran, form)


def _manifest(project: Project) -> Manifest:
    """What was built. Raises CannotReplay."""
    from chalicelib.errors import SettingsError
    from chalicelib.manifest import Manifest
    from workbench.replaying.errors import CannotReplay

    try:
        return Manifest.read(project.generated)
    except SettingsError as error:
        raise CannotReplay("; ".join(error.problems)) from None


def _named(manifest: Manifest, stage: str, name: str | None) -> list[Challenger]:
    from chalicelib.manifest import snake
    from workbench.replaying.challengers import challengers_of

    return challengers_of(manifest, stage, name and snake(name))


def _quiet(manifest: Manifest, stage: str) -> timedelta:
    """Twice the longest that a decision may take."""
    from chalicelib.settings import deadline_of

    return max(LEAST_QUIET, timedelta(seconds=2 * deadline_of(manifest.stages[stage])))


def _tell(ran: list[Ran], form: str) -> None:
    if form == "json":
        click.echo(json.dumps([one.as_dict() for one in ran], ensure_ascii=False, indent=1))
        return
    for one in ran:
        tally, named = one.tally, one.challenger
        apart = "".join(f"; {why} ({count:,})" for why, count in tally.apart.most_common())
        share = f" ({tally.flips / tally.replayed:.2%})" if tally.replayed else ""
        said = f"{tally.read:,} decisions, {tally.flips:,} would flip{share}{apart}"
        click.echo(f"{named.use_case}, challenger {named.name}: {said}")


def _print(compared: list[Compared], form: str) -> None:
    from rich.console import Console

    from workbench.replaying import tell

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    for one in compared:
        weeks = list(tell.weeks(one.rows()))
        extra = ("By week", ["week of", "decisions", "flips", "champion agrees", "challenger agrees"], weeks)
        if one.ran_at is None:
            click.echo(f"{one.report.use_case}, {one.report.what}: never ran: `artemis challengers run`")
        elif form == "markdown":
            click.echo(tell.markdown(one.report, [extra]))
        else:
            tell.print_report(one.report, console, [extra])
