"""A notebook's file name becomes the use case's name, so it must be one, and no other notebook's."""

from __future__ import annotations

from typing import Any

import pytest


def test_the_stem_is_the_use_cases_name(project: Any, sound: Any) -> None:
    for name in ("a", "photo_review", "review2", "class"):
        project.notebook(name, sound())
    assert project.build().problems == []
    assert sorted(project.manifest["use_cases"]) == ["a", "class", "photo_review", "review2"]
    assert project.load("class").name == "class"


@pytest.mark.parametrize(
    ("stem", "meant"),
    [("photo-review", "photo_review"), ("Photo_Review", "photo_review"), ("Photo review", "photo_review")],
)
def test_a_stem_that_is_no_name_is_refused_and_the_name_that_is_meant_given(
    stem: str, meant: str, project: Any, sound: Any
) -> None:
    project.notebook(stem, sound())
    project.notebook("other", sound())
    (problem,) = project.build().problems
    assert (problem.rule, problem.notebook, problem.cell) == ("module-name", f"usecases/{stem}.ipynb", 0)
    assert stem in problem.message
    assert f"{meant}.ipynb" in problem.hint
    assert sorted(path.name for path in project.generated.iterdir()) == ["manifest.json", "other.py"]


@pytest.mark.parametrize("stem", ["2nd_review", "_review", "사진_검토", "photo.review", "photo$review"])
def test_a_stem_that_can_be_no_name_is_refused(stem: str, project: Any, sound: Any) -> None:
    project.notebook(stem, sound())
    project.notebook("other", sound())
    (problem,) = project.build().problems
    assert (problem.rule, problem.notebook) == ("module-name", f"usecases/{stem}.ipynb")
    assert problem.hint
    assert sorted(path.name for path in project.generated.iterdir()) == ["manifest.json", "other.py"]


@pytest.mark.parametrize("stem", ["photo-review", "Photo_Review", "PHOTO_REVIEW", "photo review"])
def test_two_notebooks_of_one_module_name_are_reported_at_the_second(stem: str, project: Any, sound: Any) -> None:
    """Renaming one to the other's name, as for a single notebook, would overwrite that one."""
    project.notebook("photo_review", sound())
    project.notebook(stem, sound(parameters="faces_max: int = 9"))
    project.notebook("other", sound())
    (problem,) = project.build().problems
    assert (problem.rule, problem.notebook) == ("module-name", f"usecases/{stem}.ipynb")
    assert "usecases/photo_review.ipynb" in problem.message
    assert "rename it to photo_review.ipynb" not in problem.hint
    assert project.module("other").exists()
    module = project.module("photo_review")
    assert not module.exists() or "faces_max: int = 9" not in module.read_text("utf-8")


def test_two_notebooks_of_one_module_name_are_reported_when_neither_has_it(project: Any, sound: Any) -> None:
    project.notebook("photo-review", sound())
    project.notebook("Photo_Review", sound())
    problems = project.build().problems
    assert {problem.notebook for problem in problems} == {"usecases/photo-review.ipynb", "usecases/Photo_Review.ipynb"}
    assert any("two notebooks" in problem.message for problem in problems)
    assert list(project.generated.glob("*.py")) == []


def test_jupyters_checkpoints_and_other_files_are_no_use_cases(project: Any, sound: Any) -> None:
    project.notebook("first", sound())
    project.notebook(".ipynb_checkpoints/first-checkpoint", sound())
    project.notebook("samples/nested", sound())
    project.file("usecases/notes.md", "# Notes")
    assert project.build().problems == []
    assert list(project.manifest["use_cases"]) == ["first"]


def test_a_folder_that_is_named_like_a_notebook_does_not_stop_the_build(project: Any, sound: Any) -> None:
    project.notebook("first", sound())
    (project.notebooks / "folder.ipynb").mkdir()
    assert {problem.notebook for problem in project.build().problems} <= {"usecases/folder.ipynb"}
    assert project.module("first").exists()


def test_a_project_without_notebooks_builds_an_empty_manifest(project: Any) -> None:
    assert project.build().problems == []
    assert project.manifest["use_cases"] == {}


def test_a_module_that_no_build_wrote_is_left_and_reported(project: Any, sound: Any) -> None:
    mine = project.file("chalicelib/usecases/photo_review.py", "LIMIT = 3\n")
    project.notebook("photo_review", sound())
    project.notebook("other", sound())
    for build in (project.build, project.check, project.build):
        (problem,) = build().problems
        assert (problem.rule, problem.notebook) == ("module-name", "usecases/photo_review.ipynb")
        assert "chalicelib/usecases/photo_review.py" in problem.message
        assert problem.hint
    assert mine.read_text("utf-8") == "LIMIT = 3\n"
    assert list(project.manifest["use_cases"]) == ["other"]
    mine.unlink()
    assert project.build().problems == []


def test_what_was_built_stays_while_two_notebooks_claim_its_name(project: Any, sound: Any) -> None:
    project.notebook("photo_review", sound())
    project.build()
    before = project.module("photo_review").read_bytes()
    project.notebook("photo-review", sound(parameters="faces_max: int = 9"))
    assert project.build().changes == {"photo_review": "not built"}
    assert project.module("photo_review").read_bytes() == before
    assert list(project.manifest["use_cases"]) == ["photo_review"]
