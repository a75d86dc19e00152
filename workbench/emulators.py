"""The emulated clouds, in a process of their own, for as long as a service needs them.

They live in tests/emulators and need the extra ``dev``, so they are there in a checkout of Artemis only. What is run
against them gets an environment in which no real credential and no real endpoint is left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer

from workbench.project import Project

START_SECONDS = 60
REAL = ("AWS_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCE_METADATA_")  # beginnings of what leads to real accounts


class NoEmulators(Exception):
    """They cannot be started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Emulators:
    """Those that run. ``variables``: what a process needs to speak to them; ``about``: what they emulate, in lines."""

    variables: Mapping[str, str]
    about: list[str]

    def environment(self, outer: Mapping[str, str]) -> dict[str, str]:
        """An environment made from ``outer`` that leads to the emulators and to no real account."""
        kept = {name: value for name, value in outer.items() if not name.upper().startswith(REAL)}
        nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        direct = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
        return {**kept, **nowhere, **direct, **self.variables}


@contextmanager
def emulating(project: Project, seconds: float = START_SECONDS) -> Iterator[Emulators]:
    """Start them, and stop them at the end. Raises NoEmulators."""
    if not (project.root / "tests" / "emulators" / "__main__.py").is_file():
        raise NoEmulators("the emulators are in a checkout of Artemis only: there is no tests/emulators here")
    command = [sys.executable, "-m", "tests.emulators"]
    pipe = subprocess.PIPE
    # A session of its own: Ctrl-C is for whoever uses them, and ends them by closing their standard input.
    process = subprocess.Popen(command, cwd=project.root, stdin=pipe, stdout=pipe, text=True, start_new_session=True)  # noqa: S603
    try:
        yield _started(process, seconds)
    finally:
        process.communicate()  # closes its standard input, which ends it


def _started(process: subprocess.Popen[str], seconds: float) -> Emulators:
    assert process.stdout is not None
    timer = Timer(seconds, process.kill)  # emulators that never say where they are
    timer.start()
    try:
        said = json.loads(process.stdout.readline() or "null")
    finally:
        timer.cancel()
    if said is None:
        raise NoEmulators('the emulators did not start, see above; they need the extra "dev": pip install -e ".[dev]"')
    return Emulators(said["environment"], said["about"])
