"""The policies of all stages that are deployed, and which of them are stale."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from chalicelib.manifest import Manifest
from chalicelib.settings import LOCAL
from workbench.project import Project
from workbench.shipping import policy
from workbench.shipping.stage import read, read_config


def write(project: Project) -> list[str]:
    """Writes what is stale; gives the paths. Raises CannotShip."""
    written = []
    for path, text in _all(project):
        if not is_written(path, text):
            path.write_text(text, "utf-8")
            written.append(project.relative(path))
    return written


def stale(project: Project) -> list[str]:
    """The paths of policies that are not what their stage needs. Raises CannotShip."""
    return [project.relative(path) for path, text in _all(project) if not is_written(path, text)]


def _all(project: Project) -> Iterator[tuple[Path, str]]:
    stages = Manifest.read(project.generated).stages
    for stage in read_config(project.root).get("stages") or ():
        if stage != LOCAL and stage in stages:
            document = policy.policy(stages[stage], read(project.root, stage))
            yield policy.path_of(project.root, stage), policy.as_text(document)


def is_written(path: Path, text: str) -> bool:
    """Whether a policy's file is there and has this content."""
    return path.is_file() and path.read_text("utf-8") == text
