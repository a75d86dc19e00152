"""Where things are in a project: the folder that holds ``usecases/`` and what the build writes."""

from __future__ import annotations

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
