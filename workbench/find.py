"""Finding the notebooks of a project: each file's name makes a use case's name, which no other may make."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from workbench.notebook import NAME
from workbench.problems import Problem
from workbench.project import Project


@dataclass
class Found:
    """``notebooks``: name -> file and its bytes. ``held``: names whose notebook will not do as it is."""

    notebooks: dict[str, tuple[Path, bytes]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        return self.notebooks.keys() | self.held


def find(project: Project) -> Found:
    """Every notebook directly in ``usecases/``, read."""
    by_name: dict[str, list[Path]] = {}
    for path in sorted(project.notebooks.glob("*.ipynb")):
        by_name.setdefault(path.stem.lower().replace("-", "_").replace(" ", "_"), []).append(path)
    found = Found()
    for name, paths in by_name.items():
        if len(paths) > 1:
            found.problems += _clashes(project, name, paths)
        elif paths[0].stem != name or not NAME.fullmatch(name):
            found.problems.append(_misnamed(project, name, paths[0]))
        else:
            _read(project, name, paths[0], found)
            continue
        if NAME.fullmatch(name):
            found.held.add(name)
    return found


def _clashes(project: Project, name: str, paths: list[Path]) -> list[Problem]:
    """Reported at each but the first. None is built: whichever was meant, the others would be lost."""
    first, *others = sorted(paths, key=lambda path: (path.stem != name, path.name))
    message = f"two notebooks would be the module {name}.py: this one and {project.relative(first)}"
    hint = "rename it to a name of its own; until then neither is built"
    clashes = [Problem(project.relative(path), 0, 0, 0, "module-name", message, hint) for path in others]
    return clashes if first.stem == name else [_misnamed(project, name, first), *clashes]


def _misnamed(project: Project, name: str, path: Path) -> Problem:
    hint = f"rename it to {name}.ipynb" if NAME.fullmatch(name) else "begin with a letter of a-z"
    message = f"{path.stem!r} cannot be a module's name: use a-z, 0-9 and _"
    return Problem(project.relative(path), 0, 0, 0, "module-name", message, hint)


def _read(project: Project, name: str, path: Path, found: Found) -> None:
    try:
        found.notebooks[name] = (path, path.read_bytes())
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}"
        found.problems.append(Problem(project.relative(path), 0, 0, 0, "notebook", message, "mend or remove it"))
        found.held.add(name)
