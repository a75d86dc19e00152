"""Building whenever something is saved: `artemis build --watch`.

What builds is imported once. Each build is a fork of this process, so a build takes a fraction of a second,
sees nothing of the one before, and exported code that ends its process, crashes it or never comes back ends
one build and no more. A running service on the local stage follows the manifest by itself.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.pricing import path_of
from workbench.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.build import Report

QUIET_MS = 50  # after the last change of a save, before building
GROUP_MS = 300  # changes that go on are built after this
WAKE_MS = 1000  # how often to look whether to end
SETTLE_SECONDS = 0.5  # for a notebook that is being written in parts
LIMIT_SECONDS = 60.0  # for one build
NEEDED = ("workbench.build", "workbench.examine", "workbench.report", "rich.console", "yaml")


def watch(
    project: Project,
    force: bool = False,
    until: Callable[[], bool] = lambda: False,
    on_built: Callable[[], object] = lambda: None,
) -> None:
    """Build now and after every save, until interrupted or ``until`` says so.

    ``force`` holds for the first build, ``on_built`` is called after it. Raises OSError when the folder
    cannot be watched.
    """
    from watchfiles import watch as changes

    with _prepared(), suppress(KeyboardInterrupt):
        saved = changes(
            project.notebooks,
            watch_filter=lambda _, path: _is_source(project, Path(path)),
            debounce=GROUP_MS,
            step=QUIET_MS,
            rust_timeout=WAKE_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        sources = _sources(project)
        _build_apart(project, force)
        click.echo("watching usecases/: Ctrl-C ends it")
        on_built()
        for _ in saved:
            if until():
                return
            # what was saved is found by looking: a save before the watching began counts, too
            if changed := sources.items() ^ _sources(project).items():
                _settle(path for path, _ in changed)
                sources = _sources(project)
                _build_apart(project)


@contextmanager
def watching(project: Project) -> Iterator[None]:
    """Watch in a fork while something else goes on here; the first build is done when this begins.

    The fork ends with this process, however that ends. Call this before there are threads.
    """
    parent = os.getpid()
    ready, built = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(ready)
        try:
            watch(project, until=lambda: os.getppid() != parent, on_built=lambda: os.close(built))
        finally:
            sys.stdout.flush()
            os._exit(0)  # what waits for this process has no use for its status
    os.close(built)
    os.read(ready, 1)
    os.close(ready)
    try:
        yield
    finally:
        with suppress(ProcessLookupError, ChildProcessError):  # the server may have seen it end
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)


@contextmanager
def _prepared() -> Iterator[None]:
    """Import what every build needs; have SIGTERM end the watching as Ctrl-C does."""
    for name in NEEDED:
        import_module(name)
    logging.getLogger("watchfiles").setLevel(logging.ERROR)  # it tells of an interruption

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _is_source(project: Project, path: Path) -> bool:
    """Whether a file is a notebook, a stage file or the price list: nothing that an editor keeps beside them."""
    if path == path_of(project):
        return True
    kind = {project.notebooks: ".ipynb", project.stages: ".yaml"}.get(path.parent)
    return path.suffix == kind and not path.name.startswith(".")


def _sources(project: Project) -> dict[Path, tuple[int, int, int]]:
    """Every file that a build reads -> what tells that it was written."""
    sources = {}
    for path in (*project.notebooks.glob("*"), *project.stages.glob("*"), project.root / "requirements.txt"):
        if _is_source(project, path) or path.parent == project.root:
            with suppress(OSError):
                state = path.stat()
                sources[path] = (state.st_mtime_ns, state.st_size, state.st_ino)
    return sources


def _settle(paths: Iterable[Path]) -> None:
    """Some editors write in parts: give a notebook that is half written the time to be whole."""
    end = time.monotonic() + SETTLE_SECONDS
    for path in paths:
        while path.suffix == ".ipynb" and _is_partial(path) and time.monotonic() < end:
            time.sleep(0.02)


def _is_partial(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except OSError:
        return False
    except (ValueError, RecursionError):
        return True
    return False


def _build_apart(project: Project, force: bool = False) -> None:
    """One build in a fork, which is ended when it takes too long."""
    began = time.monotonic()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _be_the_fork(project, force, began)
    try:
        while not (done := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() - began > LIMIT_SECONDS:
                os.kill(child, signal.SIGKILL)
                click.echo(f"the build took longer than {LIMIT_SECONDS:g} s and was ended: does exported code loop?")
            time.sleep(0.005)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    if done[1] and time.monotonic() - began <= LIMIT_SECONDS:
        click.echo("the build ended before its work was done: exported code may have ended it")


def _be_the_fork(project: Project, force: bool, began: float) -> None:
    """Build, say what was done, and end with status 0 whatever was found."""
    status = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _build_and_tell(project, force, began)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _build_and_tell(project: Project, force: bool, began: float) -> None:
    from workbench.build import build

    try:
        report = build(project, force=force)
    except OSError as error:
        click.echo(f"{_clock()}  a file cannot be read or written: {error.strerror}: {error.filename}")
        return
    _tell(report, time.monotonic() - began)


def _tell(report: Report, seconds: float) -> None:
    """The problems, and one line: when, what, how long."""
    if report.problems:
        from rich.console import Console

        from workbench.report import print_problems

        print_problems(report.problems, Console(highlight=False))
    what = ", ".join(f"{name}: {change}" for name, change in sorted(report.changes.items())) or "up to date"
    click.echo(f"{_clock()}  {click.style(what, bold=True)}  ({seconds * 1000:.0f} ms)")


def _clock() -> str:
    return time.strftime("%H:%M:%S")
