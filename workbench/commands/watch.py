"""`artemis watch`."""

from __future__ import annotations

import json
import os

import click

from workbench.commands.common import CannotRun, format_option


@click.command()
@click.option("--stage", default=None, help="Whose decisions; default: ARTEMIS_STAGE, or local.")
@format_option("text", "json")
def watch(stage: str | None, form: str) -> None:
    """Measure whether use cases decide otherwise than before: the last day beside four weeks.

    It is what the function `watch` does every hour on Lambda; elsewhere run it from a scheduler, with the service's
    settings. With ARTEMIS_SLACK_WEBHOOK a channel is told of a share of ARTEMIS_OUTCOME_SHIFT (0.15) and more. Of fewer
    than a hundred decisions nothing is said.
    """
    from chalicelib import bootstrap
    from chalicelib.errors import SettingsError, Unavailable

    if stage is not None:
        os.environ["ARTEMIS_STAGE"] = stage
    try:
        found = bootstrap.watch()
    except SettingsError as error:
        raise CannotRun("; ".join(error.problems)) from None
    except Unavailable as error:
        raise CannotRun(error.detail) from None
    if form == "json":
        click.echo(json.dumps(found, indent=1))
        return
    for name, share in found.items():
        click.echo(f"{name}: {share:.1%} of the last day's decisions have another outcome than before")
    if not found:
        click.echo("no use case decided a hundred times in the last day, and before")
