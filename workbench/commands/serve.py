"""`artemis serve`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project

if TYPE_CHECKING:
    from chalice.app import Chalice


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--stage", default=None, help="Stage to serve; default: ARTEMIS_STAGE, or local.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1), help="Threads of each.")
def serve(host: str, port: int, stage: str | None, workers: int, threads: int) -> None:
    """Serve the built use cases over HTTP."""
    project = find_project()
    if stage:
        os.environ["ARTEMIS_STAGE"] = stage
    os.chdir(project.root)
    sys.path.insert(0, str(project.root))
    from chalicelib.errors import SettingsError
    from serving.server import serve as run

    try:
        _app()  # before anything is announced
    except SettingsError as error:
        raise CannotRun(str(error)) from None
    run(_app, host=host, port=port, workers=workers, threads=threads, on_ready=_say_where)


def _app() -> Chalice:
    from app import app

    return app


def _say_where(url: str) -> None:
    click.echo(f"Artemis answers at {url}\n  documentation  {url}/docs\n  contract       {url}/openapi.json")
