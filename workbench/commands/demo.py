"""`artemis demo`."""

from __future__ import annotations

import sys

import click

from workbench.commands.common import find_project


@click.command()
@click.option("--seconds", default=120, show_default=True, help="How long to wait for the service to start.")
def demo(seconds: int) -> None:
    """Start the service and decide on three sample photos."""
    from workbench.demo import demo as run

    sys.exit(run(find_project(), seconds))
