"""Where things are in a project: the folder that holds ``usecases/`` and what the build writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Project:
    """A project's folders. ``root`` is absolute."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Project:
        """The project around ``start`` (default: here). Raises FileNotFoundError when there is none."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "usecases").is_dir() and folder.name != "chalicelib":
                return cls(folder)
        raise FileNotFoundError(f"no folder usecases/ in {here} or above it: run this in an Artemis project")

    @property
    def notebooks(self) -> Path:
        return self.root / "usecases"

    @property
    def stages(self) -> Path:
        return self.root / "usecases" / "stages"

    @property
    def generated(self) -> Path:
        return self.root / "chalicelib" / "usecases"

    def relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def requirements(project: Project) -> frozenset[str] | None:
    """The packages that ``requirements.txt`` names, normalised as PyPI does; None where there is no such file."""
    try:
        lines = (project.root / "requirements.txt").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    names = (re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line) for line in lines)
    return frozenset(re.sub(r"[-_.]+", "-", name[1]).lower() for name in names if name)
