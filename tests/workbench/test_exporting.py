"""What a notebook exports, for another notebook: as it is now, and with a clear error where it is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.workbench.conftest import Sound, TemporaryProject
from workbench.exporting import NotExported, exported


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TemporaryProject:
    made = TemporaryProject(tmp_path / "project")
    made.notebooks.mkdir(parents=True)
    monkeypatch.chdir(made.root / "usecases")
    return made


def test_exported_functions_and_models_are_there_without_a_build(project: TemporaryProject, sound: Sound) -> None:
    project.notebook("checked", sound())
    module = exported("checked")
    assert module.Request.__module__ == "exported.checked" and callable(module.decide)
    assert module.__file__ == "usecases/checked.ipynb"


def test_a_notebook_with_problems_or_without_a_file_is_refused(project: TemporaryProject, sound: Sound) -> None:
    project.notebook("broken", sound(decide="def decide(nothing) -> Decision:\n    return Decision(outcome='review')"))
    with pytest.raises(NotExported, match="nothing"):
        exported("broken")
    with pytest.raises(NotExported, match=r"no notebook usecases/missing\.ipynb"):
        exported("missing")
