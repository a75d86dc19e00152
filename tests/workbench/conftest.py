"""Fixtures: a project in a temporary folder, and the sound notebook that tests break in one place."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chalicelib.manifest import Manifest
from chalicelib.usecase import UseCase, load
from workbench.build import Report, build
from workbench.problems import Problem
from workbench.project import Project

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ROOT = Path(__file__).parents[2]

Cells = list[dict[str, Any]]
# warnings that most tests' code earns; their own tests build without this
ADVICE = ("unused-export", "shadowing", "no-provider")


def code(source: str, *tags: str, name: str) -> dict[str, Any]:
    """A code cell. ``name`` is its id."""
    metadata = {"tags": list(tags)} if tags else {}
    kind = {"cell_type": "code", "execution_count": None, "outputs": []}
    return kind | {"id": name, "metadata": metadata, "source": source.splitlines(keepends=True)}


@dataclass(frozen=True)
class TemporaryProject(Project):
    """A project whose notebooks and stage files a test writes, and which is really built."""

    def notebook(self, name: str, cells: Cells) -> Path:
        """Write ``usecases/<name>.ipynb``."""
        content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        return self.file(f"usecases/{name}.ipynb", json.dumps(content, ensure_ascii=False, indent=1))

    def stage(self, name: str, text: str) -> Path:
        return self.file(f"usecases/stages/{name}.yaml", text)

    def file(self, relative: str, content: str | bytes) -> Path:
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        # Put in place whole: a command that runs at the same time must not read half a file.
        draft = path.with_name(f".{path.name}.draft")
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        draft.replace(path)
        return path

    def build(self) -> Report:
        """A build whose report lets pass that what a test added is used by nothing, or takes another's name."""
        report = build(self)
        report.problems = [problem for problem in report.problems if problem.rule not in ADVICE]
        return report

    def check(self) -> Report:
        return build(self, check=True)

    def problems(self, cells: Cells) -> list[Problem]:
        """Every problem of one notebook, in order."""
        self.notebook("trial", cells)
        return sorted(self.build().problems)

    def module(self, name: str) -> Path:
        return self.generated / f"{name}.py"

    @property
    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.generated / "manifest.json").read_bytes())
        return content

    def entry(self, name: str) -> dict[str, Any]:
        entry: dict[str, Any] = self.manifest["use_cases"][name]
        return entry

    def load(self, name: str, **overrides: Any) -> UseCase:
        """The built use case under parameter overrides."""
        return load(name, self.module(name), overrides, Manifest.read(self.generated).source(name))

    def files(self) -> dict[str, tuple[bytes, int, int]]:
        """Every file, hidden ones too -> content, mtime in nanoseconds, inode."""
        return {
            self.relative(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }

    def artemis(
        self, *arguments: str, cwd: Path | None = None, prepare: Callable[[], None] | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """The command line in a process of its own; ``prepare`` runs in it first."""
        return subprocess.run(
            [sys.executable, "-m", "workbench", *arguments],
            cwd=cwd or self.root,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment},
            preexec_fn=prepare,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def project(tmp_path: Path) -> TemporaryProject:
    made = TemporaryProject(tmp_path / "project")
    made.notebooks.mkdir(parents=True)
    return made


@pytest.fixture
def another(tmp_path: Path) -> TemporaryProject:
    """A second project, elsewhere on the disk."""
    made = TemporaryProject(tmp_path / "elsewhere" / "copy")
    made.notebooks.mkdir(parents=True)
    return made


@pytest.fixture(scope="session")
def notebooks() -> Path:
    """The folder of tiny good and broken notebooks."""
    return NOTEBOOKS


class Sound:
    """The cells of the sound notebook: 1 title, 2 models, 3 parameters, 4 tasks, 5 decide."""

    def __init__(self, path: Path) -> None:
        self._cells: Cells = json.loads(path.read_bytes())["cells"]

    def source(self, name: str) -> str:
        return "".join(next(cell["source"] for cell in self._cells if cell["id"] == name))

    def __call__(self, *more: dict[str, Any], **sources: str) -> Cells:
        """All cells, those named in ``sources`` with other text, ``more`` at the end."""
        cells = copy.deepcopy(self._cells)
        for cell in cells:
            if cell["id"] in sources:
                cell["source"] = sources[cell["id"]].splitlines(keepends=True)
        return [*cells, *more]

    def then(self, *sources: str) -> Cells:
        """All cells, then unexported ones: the first is cell 6."""
        return self(*(code(source, name=f"then-{number}") for number, source in enumerate(sources)))

    def exporting(self, *sources: str) -> Cells:
        """All cells, then more exported ones: the first is cell 6."""
        return self(*(code(source, "export", name=f"more-{number}") for number, source in enumerate(sources)))


@pytest.fixture(scope="session")
def sound() -> Sound:
    return Sound(NOTEBOOKS / "good" / "sound.ipynb")


@pytest.fixture(scope="session")
def cell() -> Callable[..., dict[str, Any]]:
    """Makes a code cell: ``cell(source, *tags, name=…)``."""
    return code
