"""`artemis deploy` and `artemis rollback`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project, format_option
from workbench.databases import database_option, name_database

if TYPE_CHECKING:
    from workbench.deploying.record import Record
    from workbench.deploying.target import Target
    from workbench.shipping.stage import Deployed


@click.command()
@click.option("--stage", required=True, help="Stage to deploy.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done; do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@database_option
@click.option("--no-migrate", is_flag=True, help="Leave the database alone: somebody else brings it forward, before.")
@click.option("--no-replay", is_flag=True, help="Do not replay past decisions for the plan.")
@click.option("--allow-destructive", is_flag=True, help="Also by a migration that what is live does not survive.")
@format_option("text", "markdown")
def deploy(
    stage: str,
    only_plan: bool,
    yes: bool,
    database: str | None,
    no_migrate: bool,
    no_replay: bool,
    allow_destructive: bool,
    form: str,
) -> None:
    """Deploy a stage to AWS: package it, show the plan, ask, and do it.

    The database is brought forward first. The new code comes beside what is live and is tried there (with
    ARTEMIS_SMOKE_KEY, a client's key, also what it serves that client); only then requests reach it. If it fails,
    everything but the database is put back. May be run again at any time. Credentials and region are those of the AWS
    command line. The record for `artemis notify` is .artemis/deployments/STAGE.json.

    Exit code 1: it failed, and requests reach what they reached before. 2: nothing was done.
    """
    from chalicelib.errors import SettingsError
    from workbench.deploying.deploy import deploy as go
    from workbench.deploying.plan import plan
    from workbench.deploying.tell import plan_text
    from workbench.shipping.errors import CannotShip

    try:
        target = _target(stage)
        url = None if no_migrate else _database(database, target.deployed)
        planned = plan(target, url, not no_replay)
    except (CannotShip, SettingsError, CannotRun) as error:
        raise _refused(stage, f"it cannot be deployed:\n{error}", only_plan) from None
    click.echo(plan_text(planned) if form == "text" else f"```text\n{plan_text(planned)}\n```")
    if only_plan:
        return
    if planned.migration and planned.migration.destructive and not allow_destructive:
        why = "; ".join(planned.migration.destructive)
        advice = "make two deployments of it (docs/operations.md), or give --allow-destructive"
        raise _refused(stage, f"a migration is destructive: {why}: {advice}", only_plan)
    _ask(f"Deploy to {stage}?", yes)
    _end(go(planned, url))


@click.command()
@click.option("--stage", required=True, help="Stage to bring back.")
@click.option("--to", metavar="VERSION", help="The version to go back to; default: what was live before.")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be done; do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--no-test", is_flag=True, help="Do not try the version first.")
def rollback(stage: str, to: str | None, only_plan: bool, yes: bool, no_test: bool) -> None:
    """Bring a stage back to an earlier version: its code, parameters, settings, roles and alarms; not the database.

    The version is tried first, so that one which does not get on with the database, or is broken too, gets no
    requests. The record for `artemis notify` is .artemis/deployments/STAGE.json.

    Exit code 1: it failed. 2: nothing was done.
    """
    from workbench.deploying.rollback import rollback as go
    from workbench.deploying.rollback import way
    from workbench.deploying.tell import way_text
    from workbench.shipping.errors import CannotShip

    try:
        found = way(_target(stage), to)
    except CannotShip as error:
        raise CannotRun(f"stage {stage} cannot be brought back:\n{error}") from None
    click.echo(way_text(found))
    if only_plan:
        return
    _ask(f"Bring {stage} back to version {found.there.version}?", yes)
    _end(go(found, not no_test))


def _refused(stage: str, why: str, only_plan: bool) -> CannotRun:
    """What is raised; where somebody waits for a deployment to be told of, it is recorded."""
    from workbench.deploying import records

    if not only_plan:
        records.refused(find_project(), stage, why)
    return CannotRun(f"stage {stage}: {why}")


def _target(stage: str) -> Target:
    from workbench.deploying.target import Target

    return Target.of(find_project(), stage, lambda said: click.echo(f"… {said}", err=True))


def _database(named: str | None, deployed: Deployed) -> str:
    """The URL that is named here, or that of the stage's own configuration."""
    from workbench.shipping.stage import REFERENCE

    configured = deployed.environment["ARTEMIS_DATABASE_URL"]
    if named is not None or os.environ.get("ARTEMIS_DATABASE_URL"):
        return name_database(named, deployed.stage).url
    if REFERENCE.fullmatch(configured):
        raise CannotRun(
            "the stage's database is a secret that is not read here: name it in ARTEMIS_DATABASE_URL; or run "
            "`artemis db upgrade` where it can be reached, and then this with --no-migrate"
        )
    auth = deployed.environment.get("ARTEMIS_DATABASE_AUTH")
    outer = {**({"ARTEMIS_DATABASE_AUTH": auth} if auth else {}), **os.environ}
    return name_database(configured, deployed.stage, outer).url


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CannotRun("nobody is there to be asked: give --yes")
    if not click.confirm(question):
        raise CannotRun("nothing was done")


def _end(record: Record) -> None:
    if record.error:
        click.echo(f"{record.stage}: failed after {record.seconds:.0f} s: {record.error}", err=True)
        sys.exit(1)
    way = f"; to go back: {record.rollback}" if record.rollback else ""
    click.echo(f"{record.stage}: version {record.version} is live, after {record.seconds:.0f} s{way}")
