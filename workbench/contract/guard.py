"""The guard: ``contracts/openapi.json`` is what callers were promised, the manifest is what would be deployed.

The file is as clients outside see the service: without photos by sample name, which only the local stage takes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.contract.compare import changes
from workbench.contract.words import Change
from workbench.files import write
from workbench.project import Project

WRITE = "run `artemis contract --write`"


class NoContract(Exception):
    """There is nothing to compare with, or nothing to compare; the message says what to do."""


@dataclass(frozen=True)
class Review:
    """What changed, the document that is published now, and whether the file holds just that."""

    changes: list[Change]
    present: dict[str, Any]
    up_to_date: bool

    @property
    def failing(self) -> list[Change]:
        """The breaking changes of contracts that were not raised."""
        return [change for change in self.changes if change.fails]


def path_of(project: Project) -> Path:
    return project.root / "contracts" / "openapi.json"


def review(project: Project) -> Review:
    """The committed contract beside the present one. Raises NoContract."""
    old, new = committed(project), present(project)
    return Review(changes(old, new), new, _lasting(old) == _lasting(new))


def present(project: Project) -> dict[str, Any]:
    """The contract that the built manifest publishes. Raises NoContract."""
    from chalicelib.errors import SettingsError
    from chalicelib.http.openapi import document
    from chalicelib.manifest import Manifest
    from chalicelib.service import LOCAL_CLIENT

    try:
        manifest = Manifest.read(project.generated)
    except SettingsError as error:
        raise NoContract("; ".join(error.problems)) from None
    found: dict[str, Any] = json.loads(json.dumps(document(manifest, LOCAL_CLIENT, samples=False, buckets=True)))
    return found


def committed(project: Project) -> dict[str, Any]:
    """The contract of ``contracts/openapi.json``. Raises NoContract."""
    path = path_of(project)
    where = project.relative(path)
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise NoContract(f"there is no {where} to compare with: {WRITE} and commit the file") from None
    except ValueError as error:
        hint = f"restore it from version control, or accept what is built now: {WRITE} --force"
        raise NoContract(f"{where} is not JSON ({error}): {hint}") from None
    if not isinstance(content, dict) or not isinstance(content.get("paths"), dict):
        raise NoContract(f"{where} is not an OpenAPI document: restore it from version control")
    return content


def accept(project: Project, document: dict[str, Any]) -> None:
    """Write the contract: from now on this is what callers were promised."""
    path = path_of(project)
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True)
    write(path, (text + "\n").encode())


def _lasting(document: dict[str, Any]) -> dict[str, Any]:
    """A document without the version of Artemis that made it, which is not part of the promise."""
    return {key: value for key, value in document.items() if key != "info"}
