"""`artemis notify`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from workbench.commands.common import CannotRun


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--language", type=click.Choice(["en", "ko"]), default="en", show_default=True, help="Of the message.")
@click.option("--optional", is_flag=True, help="Without a webhook say so, and exit with 0.")
@click.option("--dry-run", is_flag=True, help="Print the message as JSON; post nothing.")
def notify(record: Path, language: str, optional: bool, dry_run: bool) -> None:
    """Tell a Slack channel of a deployment, of which RECORD (JSON) says what changed and how it went.

    Posts to the incoming webhook in ARTEMIS_SLACK_WEBHOOK. Slack being away fails nothing: it is tried three times,
    then said here, with exit code 0, so that the deployment's own result stands. Exit code 2: the record or the
    webhook is none.
    """
    from chalicelib import slack
    from chalicelib.settings import SLACK_WEBHOOK, webhook_problems
    from workbench.deploying.message import message
    from workbench.deploying.record import read
    from workbench.shipping.errors import CannotShip

    try:
        rendered = message(read(record), language)
        if dry_run:
            click.echo(json.dumps(rendered, indent=2, ensure_ascii=False))
            return
        webhook = os.environ.get(SLACK_WEBHOOK)
        if not webhook and optional:
            click.echo(f"note: nobody is told: {SLACK_WEBHOOK} is not set", err=True)
            return
        if not webhook:
            raise CannotShip(f"{SLACK_WEBHOOK} is not set: it is the URL of an incoming webhook of the channel")
        if problems := webhook_problems(webhook):
            raise CannotShip(*problems)
        refused = slack.post(webhook, rendered)
    except CannotShip as error:
        raise CannotRun(str(error)) from None
    click.echo(f"note: Slack was not told: {refused}" if refused else "Slack was told", err=bool(refused))
