"""`artemis demo`."""

from __future__ import annotations

import sys

import click

from workbench.commands.common import CannotRun, find_project


@click.command()
@click.option("--seconds", default=120, show_default=True, help="How long to wait for the service to start.")
@click.option(
    "--emulators", is_flag=True, help="On emulated clouds, by one provider after the other; in a checkout only."
)
def demo(seconds: int, emulators: bool) -> None:
    """Start the service and decide on three sample photos.

    With --emulators the photos are decided by local models, Rekognition and Google Vision, of which the last two are
    emulated; exit code 1 when the decisions differ.
    """
    if not emulators:
        from workbench.demo import demo as run

        sys.exit(run(find_project(), seconds))
    from workbench.demo_emulators import demo as compare
    from workbench.emulators import NoEmulators

    try:
        sys.exit(compare(find_project(), seconds))
    except NoEmulators as error:
        raise CannotRun(str(error)) from None
