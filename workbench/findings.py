"""What the rules found in each notebook last time, so that a check looks again only at what changed.

It lies in ``.artemis/`` and counts only for the code and the packages that were there. A notebook whose
code failed when it was loaded is not kept: what it failed at may be another today.
"""

from __future__ import annotations

import json
import sysconfig
from pathlib import Path
from typing import Any

from workbench.cache import builder
from workbench.files import digest, write
from workbench.problems import Problem
from workbench.project import Project

FIELDS = tuple(Problem.__slots__)
TYPES = tuple(int if name in ("cell", "line", "column") else str for name in FIELDS)
NOT_KEPT = "load"


class Findings:
    """Use case -> its problems and the digest of what they were found in. ``anew``: nothing found before counts."""

    def __init__(self, project: Project, anew: bool = False) -> None:
        self._path = project.root / ".artemis" / "check.json"
        self._key = digest(f"{builder()} {_packages()}".encode())
        self._old = {} if anew else self._read()
        self._new: dict[str, list[Any]] = {}

    def get(self, name: str, inputs: str) -> list[Problem] | None:
        """What was found in just this; None: it has to be looked at."""
        row: Any = self._old.get(name)
        if not _is_row(row) or row[0] != inputs:
            return None
        self._new[name] = row
        return [Problem(*values) for values in row[1]]

    def keep(self, name: str, inputs: str, problems: list[Problem]) -> None:
        if not any(problem.rule == NOT_KEPT for problem in problems):
            self._new[name] = [inputs, [[getattr(problem, name) for name in FIELDS] for problem in problems]]

    def write(self) -> None:
        """Only what was asked for or kept stays; where ``.artemis`` cannot be written the next check takes longer."""
        content = json.dumps({"key": self._key, "found": self._new}, sort_keys=True).encode()
        try:
            self._path.parent.mkdir(exist_ok=True)
            write(self._path, content)
        except OSError:
            pass

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(content, dict) or content.get("key") != self._key:
            return {}
        found = content.get("found")
        return found if isinstance(found, dict) else {}


def _is_row(row: Any) -> bool:
    if not isinstance(row, list) or len(row) != 2 or not isinstance(row[1], list):
        return False
    return all(isinstance(values, list) and tuple(map(type, values)) == TYPES for values in row[1])


def _packages() -> str:
    """Changes when a package is installed or removed: rules tell what an import needs."""
    times = []
    for kind in ("purelib", "platlib"):
        try:
            times.append(Path(sysconfig.get_path(kind)).stat().st_mtime_ns)
        except OSError:
            continue
    return str(times)
