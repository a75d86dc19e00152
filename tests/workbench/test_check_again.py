"""A check looks again only at what changed, and says the same as one that looks at everything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from workbench import make
from workbench.check import check

CACHE = ".artemis/check.json"


@pytest.fixture
def filled(project: Any, sound: Any, notebooks: Path) -> Any:
    """Every good and every broken notebook of the tests, a stage file that does not fit, and one more warning."""
    for number, path in enumerate(sorted(notebooks.rglob("*.ipynb"))):
        shutil.copy(path, project.notebooks / f"n{number}.ipynb")
    project.notebook("warned", sound.exporting("x = 1  # artemis: ignore[set-order]"))
    project.stage("local", "use_cases: {warned: {parameters: {nothing: 1}}}")
    return project


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the notebooks that are looked at."""
    names: list[str] = []
    real = make.make

    def noted(ingredients: Any) -> Any:
        names.append(ingredients.name)
        return real(ingredients)

    monkeypatch.setattr(make, "make", noted)
    return names


def test_a_second_check_says_the_same_and_looks_at_nothing(filled: Any, made: list[str]) -> None:
    first = check(filled, anew=True)
    assert len(made) > 5 and len({problem.rule for problem in first}) > 5
    failing = {problem.notebook for problem in first if problem.rule == "load"}
    made.clear()
    assert check(filled) == first
    assert {f"usecases/{name}.ipynb" for name in made} == failing
    assert check(filled, anew=True) == first


def test_only_what_changed_is_looked_at(project: Any, sound: Any, made: list[str]) -> None:
    for name in ("one", "two"):
        project.notebook(name, sound())
    check(project)
    project.notebook("two", sound.exporting("x = {}[0"))
    made.clear()
    assert "syntax" in {problem.rule for problem in check(project)}
    assert made == ["two"]
    project.stage("local", "use_cases: {one: {parameters: {nothing: 1}}}")
    assert {problem.rule for problem in check(project)} >= {"syntax", "stage-parameters"}
    project.notebook("two", sound())
    (project.stages / "local.yaml").unlink()
    project.file("requirements.txt", "nothing\n")
    made.clear()
    assert "missing-requirement" in {problem.rule for problem in check(project)}
    assert sorted(made) == ["one", "two"]


def test_a_check_after_a_build_looks_at_nothing(project: Any, sound: Any, made: list[str]) -> None:
    project.notebook("one", sound())
    project.build()
    made.clear()
    found = check(project)
    assert made == []
    assert found == check(project, anew=True)


def test_what_was_edited_by_hand_is_still_seen(project: Any, sound: Any) -> None:
    project.notebook("one", sound())
    project.build()
    check(project)
    module = project.module("one")
    module.write_text(module.read_text("utf-8") + "x = 1\n", "utf-8")
    assert "edited" in {problem.rule for problem in check(project)}


def test_a_build_repeats_the_warnings_of_what_did_not_change(project: Any, sound: Any, made: list[str]) -> None:
    project.notebook("one", sound.exporting("x = 1  # artemis: ignore[set-order]"))
    first = [problem for problem in project.build().problems if problem.rule == "unused-ignore"]
    made.clear()
    again = project.build()
    assert (made, again.unchanged) == ([], ["one"])
    assert len(first) == 1 and first[0] in again.problems


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: {**content, "key": "another builder's"},
        lambda content: {**content, "found": [1]},
        lambda content: {**content, "found": {name: [row[0], [[]]] for name, row in content["found"].items()}},
        lambda content: {**content, "found": {name: [row[0], [[1] * 11]] for name, row in content["found"].items()}},
        lambda content: {**content, "found": {name: row[0] for name, row in content["found"].items()}},
        lambda content: [content],
    ],
)
def test_what_another_builder_or_a_bad_disk_left_does_not_count(
    damage: Any, project: Any, sound: Any, made: list[str]
) -> None:
    project.notebook("one", sound.exporting("x = {}[0"))
    first = check(project)
    path = project.root / CACHE
    path.write_text(json.dumps(damage(json.loads(path.read_bytes()))))
    made.clear()
    assert check(project) == first
    assert made == ["one"]


def test_half_a_file_does_not_count(project: Any, sound: Any) -> None:
    project.notebook("one", sound.exporting("x = {}[0"))
    first = check(project)
    path = project.root / CACHE
    path.write_bytes(path.read_bytes()[:-20])
    assert check(project) == first


def test_what_failed_when_it_was_loaded_is_tried_again(project: Any, sound: Any) -> None:
    flag = project.root / "flag"
    project.notebook("one", sound.exporting(f"from pathlib import Path\n\nTEXT = Path({str(flag)!r}).read_text()"))
    assert "load" in {problem.rule for problem in check(project)}
    flag.write_text("here now")
    assert "load" not in {problem.rule for problem in check(project)}


def test_a_check_writes_only_below_artemis(filled: Any) -> None:
    before = filled.files()
    check(filled)
    after = filled.files()
    assert {path for path in after if after[path] != before.get(path)} == {CACHE}


def test_the_command_says_the_same_again(project: Any, sound: Any) -> None:
    project.notebook("one", sound.exporting("x = {}[0"))
    texts = [project.artemis("check", *options) for options in ([], [], ["--no-cache"])]
    assert len({done.stdout for done in texts}) == 1
    assert {done.returncode for done in texts} == {1}
