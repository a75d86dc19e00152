"""git, asked through its own command: the repository around a project, its settings, what is staged."""

from __future__ import annotations

import subprocess
from pathlib import Path


class NoRepository(Exception):
    """A folder is in no git repository, or there is no git."""


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """One git command, run in a folder. Raises NoRepository where git is not installed."""
    try:
        return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        raise NoRepository("git is not installed, or not on PATH") from None


def repository(folder: Path) -> Path:
    """The top folder of the repository around a folder. Raises NoRepository."""
    done = git(folder, "rev-parse", "--show-toplevel")
    if done.returncode:
        raise NoRepository(f"{folder} is in no git repository: run `git init` first")
    return Path(done.stdout.decode().strip())


def staged(path: Path) -> bytes | None:
    """A file as it would be committed now; None when git does not know it."""
    done = git(path.parent, "show", f":./{path.name}")
    return None if done.returncode else done.stdout
