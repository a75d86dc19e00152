"""What the last build here was made from, so that the next makes only what changed.

It lies in ``.artemis/``, outside of what is committed: the manifest holds what was built, not how.
It counts only for the manifest it was written with and for the builder it was written by.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

from workbench.files import digest, write
from workbench.project import Project

SOURCES = ("workbench/**/*.py", "chalicelib/*.py", "chalicelib/calling/*.py", "chalicelib/providers/*.py")


class Cache:
    """Name -> digest of what it was made from. Anything not ``fresh`` has to be made."""

    def __init__(self, project: Project, manifest: bytes) -> None:
        self._path = project.root / ".artemis" / "build.json"
        self._builder = builder()
        self._old = self._read(digest(manifest))
        self.is_of_manifest = bool(self._old)  # the last build here wrote just this manifest
        self._new: dict[str, str] = {}

    def fresh(self, name: str, inputs: str) -> bool:
        """Whether ``name`` was made from the same; notes for next time that now it is."""
        self._new[name] = inputs
        return self._old.get(name) == inputs

    def forget(self, name: str) -> None:
        """``name`` was not made: try again next time."""
        self._new.pop(name, None)

    def write(self, manifest: bytes) -> None:
        content = {"builder": self._builder, "manifest": digest(manifest), "inputs": self._new}
        self._path.parent.mkdir(exist_ok=True)
        write(self._path, json.dumps(content, sort_keys=True).encode())

    def _read(self, manifest: str) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        if not isinstance(content, dict) or (content.get("builder"), content.get("manifest")) != (
            self._builder,
            manifest,
        ):
            return {}
        inputs = content.get("inputs")
        return inputs if isinstance(inputs, dict) else {}


@cache
def builder() -> str:
    """Digest of the code that builds, as this process began: a changed rule has to see every notebook again."""
    root = Path(__file__).parent.parent
    sources = [path.read_bytes() for pattern in SOURCES for path in sorted(root.glob(pattern))]
    return digest(b"\0".join([sys.version.encode(), *sources]))
