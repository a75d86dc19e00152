"""`artemis lab`."""

from __future__ import annotations

import os
import sys

import click

from workbench.commands.common import CannotRun, find_project, find_use_case


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name", required=False)
@click.argument("more", nargs=-1, type=click.UNPROCESSED, metavar="[-- JUPYTER OPTIONS]")
@click.option("--port", default=8888, show_default=True, type=click.IntRange(0, 65535), help="The next one if taken.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
def lab(name: str | None, more: tuple[str, ...], port: int, no_browser: bool) -> None:
    """Open JupyterLab on usecases/, or on one notebook.

    The environment is passed on: `ARTEMIS_STAGE=staging artemis lab` shows decisions under staging's providers.
    """
    if name and name.startswith("-"):
        more, name = (name, *more), None
    project = find_project()
    page = f"/lab/tree/{find_use_case(project, name)}.ipynb" if name else "/lab"
    command = [sys.executable, "-m", "jupyterlab", f"--port={port}"]
    command += [f"--ServerApp.root_dir={project.notebooks}", f"--LabApp.default_url={page}"]
    command += ["--no-browser"] * no_browser + list(more)
    _need_jupyterlab()
    os.chdir(project.root)
    os.execv(command[0], command)  # noqa: S606  Ctrl-C and the exit code are JupyterLab's own


def _need_jupyterlab() -> None:
    from importlib.util import find_spec

    if find_spec("jupyterlab") is None:
        raise CannotRun("jupyterlab is not installed: run `make setup`, or pip install 'artemis[notebook]'")
