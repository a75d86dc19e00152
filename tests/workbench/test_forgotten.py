"""What a data scientist forgets, and what a mistake must not take along."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from workbench.build import build
from workbench.project import Project

NOTEBOOK = "usecases/profile_photo_review.ipynb"


@pytest.fixture
def reference(tmp_path: Path, pytestconfig: pytest.Config) -> Project:
    """The reference use case and its stages, in a project of their own."""
    (tmp_path / "usecases").mkdir()
    shutil.copy(pytestconfig.rootpath / NOTEBOOK, tmp_path / NOTEBOOK)
    shutil.copytree(pytestconfig.rootpath / "usecases/stages", tmp_path / "usecases/stages")
    return Project(tmp_path)


def test_imports_that_are_not_exported_are_one_problem(reference: Project) -> None:
    path = reference.root / NOTEBOOK
    notebook = json.loads(path.read_text("utf-8"))
    imports = next(cell for cell in notebook["cells"] if cell.get("id") == "imports")
    imports["metadata"]["tags"] = []
    path.write_text(json.dumps(notebook), "utf-8")
    problems = build(reference).problems
    assert [(problem.rule, problem.cell) for problem in problems] == [("closure", 5)]
    assert "names come from cell 3, which is not exported: Annotated, BaseModel" in problems[0].message
    assert problems[0].hint.startswith("tag cell 3 'export'")


@pytest.mark.parametrize(
    "mistake",
    [
        "providers: {faces: nobody}\n",
        "deadline: '25'\n",
        "use_cases: {profile_photo_review: {parameters: {nudity_reject: '0.85'}}}\n",
        "providers: [\n",
    ],
)
def test_a_mistake_in_a_stage_file_leaves_what_is_served_as_it_was(reference: Project, mistake: str) -> None:
    build(reference)
    manifest = reference.generated / "manifest.json"
    before = manifest.read_bytes()
    (reference.stages / "local.yaml").write_text(mistake, "utf-8")
    for _ in range(2):
        report = build(reference)
        assert report.failed
        assert report.changes["stage local"] == "not built"
        assert manifest.read_bytes() == before
