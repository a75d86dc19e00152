"""`artemis serve`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project, note_stale_stage

if TYPE_CHECKING:
    from chalice.app import Chalice

    from workbench.project import Project


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free port.")
@click.option("--stage", default=None, help="Stage to serve; default: ARTEMIS_STAGE, or local.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes.")
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1), help="Threads of each.")
@click.option("--metrics-port", type=click.IntRange(0, 65535), help="Prometheus' /metrics there; default: nowhere.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address of --metrics-port.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="Default: text on the local stage, else json.")
@click.option("--watch", is_flag=True, help="Build whenever something is saved, and serve it; on the local stage.")
@click.option("--emulators", is_flag=True, help="On emulated clouds, without any real account; in a checkout only.")
def serve(
    host: str,
    port: int,
    stage: str | None,
    workers: int,
    threads: int,
    metrics_port: int | None,
    metrics_host: str,
    log_format: str | None,
    watch: bool,
    emulators: bool,
) -> None:
    """Serve the built use cases over HTTP.

    With --emulators the stage's providers find emulated clouds, any stage's: Rekognition and Vision answer by the local
    models. The environment's own cloud credentials are left out; a key and a database are made where it names none.
    What ARTEMIS_ENDPOINTS names on this machine is used all the same, such as a closed port to try an outage.
    """
    project = find_project()
    if stage:
        os.environ["ARTEMIS_STAGE"] = stage
    os.chdir(project.root)
    sys.path.insert(0, str(project.root))
    from chalicelib.errors import SettingsError
    from serving.server import serve as run

    with _emulating(project) if emulators else nullcontext(_say_where) as say, _watching(project) if watch else IDLE:
        try:
            if not watch:
                note_stale_stage(project, os.environ.get("ARTEMIS_STAGE", "local"))
            _app()  # before anything is announced
            _check_database()
            _log(log_format)
        except SettingsError as error:
            raise CannotRun(str(error)) from None
        with _measuring(metrics_host, metrics_port) as on_exit:
            run(_app, host=host, port=port, workers=workers, threads=threads, on_ready=say, on_exit=on_exit)


IDLE: AbstractContextManager[None] = nullcontext()


@contextmanager
def _emulating(project: Project) -> Iterator[Callable[[str], None]]:
    """Emulated clouds for this process; gives what announces the service."""
    from workbench.emulators import NoEmulators, emulating
    from workbench.trial import trial

    try:
        with emulating(project) as running:
            made = trial(running, os.environ)
            os.environ.clear()
            os.environ.update(made.environment)
            yield lambda url: _say_where(url, made.introduction(project, url))
    except NoEmulators as error:
        raise CannotRun(str(error)) from None


def _log(form: str | None) -> None:
    """In JSON, with a line for each decision, where people are not who reads it."""
    from chalicelib import bootstrap, reporting
    from chalicelib.settings import LOCAL

    settings = bootstrap.service().settings
    if form == "json" or (form is None and settings.stage != LOCAL):
        reporting.log_as_json(settings)
        bootstrap.renew()


@contextmanager
def _measuring(host: str, port: int | None) -> Iterator[Callable[[int], None] | None]:
    """Prometheus' metrics, where they are wanted; gives what is told of workers that ended."""
    if port is None:
        yield None
        return
    from chalicelib import bootstrap, reporting
    from serving.metrics import measuring

    try:
        with measuring(host, port) as (observe, on_exit, taken):
            reporting.OBSERVERS["metrics"] = observe
            bootstrap.renew()
            click.echo(f"Prometheus' metrics are at http://{host}:{taken}/metrics")
            yield on_exit
    except OSError as error:
        raise CannotRun(f"no metrics on {host}, port {port}: {(error.strerror or str(error)).lower()}") from None


def _watching(project: Project) -> AbstractContextManager[None]:
    from chalicelib.settings import LOCAL
    from workbench.watch import watching

    stage = os.environ.get("ARTEMIS_STAGE", LOCAL)
    if stage != LOCAL:
        raise CannotRun(f"--watch follows the build on the stage {LOCAL!r} only, and this is {stage!r}")
    return watching(project)


def _check_database() -> None:
    """Raises SettingsError when every request would be refused for the database's schema."""
    from chalicelib import bootstrap
    from workbench.database_check import refuse_unsuitable

    refuse_unsuitable(bootstrap.service().settings.database_url)


def _app() -> Chalice:
    from app import app

    return app


def _say_where(url: str, more: str = "") -> None:
    click.echo(f"Artemis answers at {url}\n  documentation  {url}/docs\n  contract       {url}/openapi.json")
    if more:
        click.echo(more)
