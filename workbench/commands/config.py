"""`artemis config show`."""

from __future__ import annotations

import json
import os

import click

from workbench.commands.common import CannotRun, find_project, format_option


@click.group()
def config() -> None:
    """What is configured."""


@config.command()
@click.option("--stage", default="local", show_default=True, help="Whose configuration.")
@format_option("text", "json")
def show(stage: str, form: str) -> None:
    """Print what is in force on a stage and where each value comes from; secrets are masked.

    An environment variable that is set here wins over .chalice/config.json, as it does when the stage is served from
    here. Exit code 1 where something is wrong or missing: all of it is listed, as it is when the service starts.
    """
    from chalicelib.errors import SettingsError
    from workbench.shipping.errors import CannotShip
    from workbench.shipping.shown import shown

    try:
        found = shown(find_project(), stage, os.environ)
    except (CannotShip, SettingsError) as error:
        raise CannotRun(str(error)) from None
    if form == "json":
        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    else:
        width = max(len(value.name) for value in found.values)
        for value in found.values:
            click.echo(f"{value.name:<{width}}  {value.text}  ({value.source})")
        for problem in found.problems:
            click.echo(f"wrong: {problem}", err=True)
    if found.problems:
        raise SystemExit(1)
