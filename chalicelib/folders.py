"""Folders of the project, found from wherever a notebook or the service runs."""

from __future__ import annotations

from pathlib import Path


def find_folder(relative: str) -> Path | None:
    """``relative`` here, or in the nearest parent folder that has it: notebooks run in ``usecases/``."""
    for parent in (Path.cwd(), *Path.cwd().parents):
        if (parent / relative).is_dir():
            return parent / relative
    return None
