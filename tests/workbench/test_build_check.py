"""``artemis build --check`` writes nothing, names what is stale, and exits 1 for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from workbench.cli import main


@pytest.fixture
def built(project: Any, sound: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A built project, with the working directory in it."""
    project.notebook("first", sound())
    project.notebook("second", sound())
    project.stage("production", "use_cases: {first: {parameters: {faces_max: 3}}}")
    assert project.build().problems == []
    monkeypatch.chdir(project.root)
    return project


def check() -> Result:
    return CliRunner().invoke(main, ["build", "--check"], catch_exceptions=False)


def test_what_is_up_to_date_exits_0(built: Any) -> None:
    assert check().exit_code == 0


def rename(project: Any, sound: Any) -> None:
    (project.notebooks / "second.ipynb").rename(project.notebooks / "third.ipynb")


def remove(*paths: str) -> Callable[[Any, Any], None]:
    return lambda project, sound: [(project.root / path).unlink() for path in paths] and None


def append(path: str, text: str) -> Callable[[Any, Any], None]:
    return lambda project, sound: project.file(path, (project.root / path).read_bytes() + text.encode()) and None


STALE: dict[str, tuple[Callable[[Any, Any], Any], str]] = {  # what was done -> what is named
    "a notebook was changed": (
        lambda project, sound: project.notebook("second", sound(parameters="faces_max: int = 2")),
        "second",
    ),
    "a notebook was added": (lambda project, sound: project.notebook("third", sound()), "third"),
    "a notebook was renamed": (rename, "third"),
    "a notebook was removed": (remove("usecases/second.ipynb"), "second"),
    "a notebook was removed, and its module by hand": (
        remove("usecases/second.ipynb", "chalicelib/usecases/second.py"),
        "second",
    ),
    "a notebook was broken": (
        lambda project, sound: project.notebook("second", sound(decide="def decide(:")),
        "second",
    ),
    "a module was removed": (remove("chalicelib/usecases/second.py"), "second"),
    "the manifest was removed": (remove("chalicelib/usecases/manifest.json"), "second"),
    "the manifest was damaged": (append("chalicelib/usecases/manifest.json", "<<<<"), "second"),
    "the manifest was edited by hand": (
        lambda project, sound: project.file(
            "chalicelib/usecases/manifest.json",
            (project.generated / "manifest.json").read_text("utf-8").replace("Photo review", "Another title"),
        ),
        "manifest",
    ),
    "an override was changed": (
        lambda project, sound: project.stage("production", "use_cases: {first: {parameters: {faces_max: 4}}}"),
        "first",
    ),
    "a stage file was added": (lambda project, sound: project.stage("staging", "providers: {}"), "staging"),
    "a stage file was removed": (remove("usecases/stages/production.yaml"), "production"),
    "a stage file's providers were changed": (
        append("usecases/stages/production.yaml", "\nproviders: {faces: local}\n"),
        "production",
    ),
}


@pytest.mark.parametrize("case", STALE)
def test_what_is_stale_is_named_and_nothing_is_written(case: str, built: Any, sound: Any) -> None:
    change, named = STALE[case]
    change(built, sound)
    before = built.files()
    result = check()
    assert result.exit_code == 1
    assert named in result.output
    assert "run `artemis build`" in result.output
    assert built.files() == before


@pytest.mark.parametrize("case", [case for case in STALE if case != "a notebook was broken"])
def test_a_build_mends_it(case: str, built: Any, sound: Any) -> None:
    STALE[case][0](built, sound)
    assert built.build().problems == []
    assert check().exit_code == 0


def test_a_project_that_was_never_built_is_stale(project: Any, sound: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project.notebook("first", sound())
    monkeypatch.chdir(project.root)
    result = check()
    assert result.exit_code == 1
    assert "first: stale" in result.output
    assert not project.generated.exists()
