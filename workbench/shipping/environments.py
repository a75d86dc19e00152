"""Environments of their own: for packaging under a stage's interpreter, and for tools that do not get on with ours.

They lie in ``.artemis/environments``, each under a name that tells what is in it, and are made once.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from workbench.shipping.errors import CannotShip

READY = ".ready"  # a file in it says that all of it was installed


def environment(root: Path, python: Path, requirements: list[str], what: str) -> Path:
    """The folder of an environment in which ``requirements`` are installed. Raises CannotShip.

    Args:
        root: the project's.
        what: its name, for people.
    """
    place = (root / ".artemis" / "environments").resolve()  # which its scripts name: one that was moved is made anew
    content = "\n".join([str(place), os.path.realpath(python), *sorted(requirements)])
    folder = place / f"{what}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    if not (folder / READY).is_file():
        with _locked(folder):
            if not (folder / READY).is_file():
                _make(folder, python, requirements)
    return folder


def _make(folder: Path, python: Path, requirements: list[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _install([str(python), "-m", "venv", str(folder)])
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _install([*command, *requirements])
    (folder / READY).touch()


def _install(command: list[str]) -> None:
    done = run(command)
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.startswith("ERROR")]
        raise CannotShip(f"{' '.join(command[1:5])} … failed: {'; '.join(said) or done.stderr[-2000:]}")


def run(
    command: Sequence[str], folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, in an environment that is ours in nothing but ``variables``."""
    own = {name: value for name, value in clean().items() if not name.startswith("ARTEMIS_")}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**own, **(variables or {})})  # noqa: S603


def clean() -> dict[str, str]:
    """The environment's variables without what leads an interpreter astray."""
    return {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One process makes it, others wait."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
