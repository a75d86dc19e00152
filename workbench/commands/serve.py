"""`artemis serve`."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project

if TYPE_CHECKING:
    from chalice.app import Chalice

    from workbench.project import Project


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--stage", default=None, help="Stage to serve; default: ARTEMIS_STAGE, or local.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1), help="Threads of each.")
@click.option("--watch", is_flag=True, help="Build whenever something is saved, and serve it; on the local stage.")
def serve(host: str, port: int, stage: str | None, workers: int, threads: int, watch: bool) -> None:
    """Serve the built use cases over HTTP."""
    project = find_project()
    if stage:
        os.environ["ARTEMIS_STAGE"] = stage
    os.chdir(project.root)
    sys.path.insert(0, str(project.root))
    from chalicelib.errors import SettingsError
    from serving.server import serve as run

    with _watching(project) if watch else nullcontext():
        try:
            _app()  # before anything is announced
        except SettingsError as error:
            raise CannotRun(str(error)) from None
        run(_app, host=host, port=port, workers=workers, threads=threads, on_ready=_say_where)


def _watching(project: Project) -> AbstractContextManager[None]:
    from chalicelib.settings import LOCAL
    from workbench.watch import watching

    stage = os.environ.get("ARTEMIS_STAGE", LOCAL)
    if stage != LOCAL:
        raise CannotRun(f"--watch follows the build on the stage {LOCAL!r} only, and this is {stage!r}")
    return watching(project)


def _app() -> Chalice:
    from app import app

    return app


def _say_where(url: str) -> None:
    click.echo(f"Artemis answers at {url}\n  documentation  {url}/docs\n  contract       {url}/openapi.json")
