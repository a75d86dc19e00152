"""The interpreter of a stage's runtime: Chalice packages for the Python that runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from workbench.shipping.errors import CannotShip


def interpreter(version: str) -> Path:
    """A Python of that version (``3.13``), on PATH or among pyenv's. Raises CannotShip."""
    for candidate in _candidates(version):
        if _version(candidate) == version:
            return candidate
    raise CannotShip(
        f"the stage runs on Python {version}, and there is none here: not this one ({_version(Path(sys.executable))}), "
        f"no python{version} on PATH and none among pyenv's versions. Install it (`pyenv install {version}`), or set "
        'artemis.runtime in .chalice/config.json to "python3.12" or "python3.13"'
    )


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    found = shutil.which(f"python{version}")
    if found:
        yield Path(found)
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    patches = (root / "versions").glob(f"{version}.*/bin/python")
    yield from sorted(
        patches,
        key=lambda path: [int(part) if part.isdigit() else 0 for part in path.parts[-3].split(".")],
        reverse=True,
    )


@cache
def _version(python: Path) -> str | None:
    """What an interpreter says of itself; None where it does not run, as a shim of pyenv's may not."""
    command = [str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
