"""`artemis validate --dataset`: the notebook is told, its reports are kept apart, and nothing is ignored in silence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workbench.conftest import Sound, TemporaryProject
from workbench.datasets import Dataset

Cell = Callable[..., dict[str, Any]]
MEASURED = (
    "from pathlib import Path\nfrom workbench import dataset\nchosen = dataset('our own')\n"
    "{'own': int(chosen == 'our own'), 'size': len(Path(chosen).read_bytes()) if Path(chosen).is_file() else 0}"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, sound: Sound, cell: Cell) -> TemporaryProject:
    made = TemporaryProject(tmp_path_factory.mktemp("dataset") / "project")
    made.notebook("measured", [*sound(), cell(MEASURED, "metrics", name="numbers")])
    made.notebook("deaf", sound())
    made.stage("local", "providers: {}\n")
    (made.root / "사람들.csv").write_text("a,b\n1,2\n", "utf-8")
    return made


def validate(project: TemporaryProject, name: str, *arguments: str) -> dict[str, Any]:
    (outcome,) = json.loads(project.artemis("validate", name, "--format", "json", *arguments).stdout)
    return dict(outcome)


def test_the_notebook_is_told_and_its_metrics_are_kept_apart(project: TemporaryProject) -> None:
    own = validate(project, "measured")
    assert own["verdict"] == "passed", own["failures"]
    other = validate(project, "measured", "--dataset", "사람들.csv")
    assert {name: row["now"] for name, row in own["metrics"].items()} == {"own": 1, "size": 0}
    assert {name: row["now"] for name, row in other["metrics"].items()} == {"own": 0, "size": 8}
    assert {row["before"] for row in other["metrics"].values()} == {None}
    assert other["dataset"] == Dataset.of(str(project.root / "사람들.csv")).as_dict() and "dataset" not in own
    assert other["files"]["metrics.json"] == "reports/local/measured.사람들.metrics.json"
    report = (project.root / other["files"]["html"]).read_text("utf-8")
    assert f"사람들.csv ({other['dataset']['sha256']})" in report and str(project.root) not in report


def test_a_dataset_that_the_notebook_never_asked_for_fails(project: TemporaryProject) -> None:
    (failure,) = validate(project, "deaf", "--dataset", "사람들.csv")["failures"]
    assert failure["kind"] == "dataset" and "never asked for it" in failure["message"]


def test_a_dataset_is_for_one_use_case_and_no_folder(project: TemporaryProject) -> None:
    for arguments, said in (
        (("--all", "--dataset", "사람들.csv"), "--dataset is for one use case"),
        (("measured", "--dataset", "usecases"), "name a file"),
        (("measured", "--dataset", " "), "name a file"),
    ):
        done = project.artemis("validate", *arguments)
        assert done.returncode == 2 and said in done.stderr


def test_a_name_that_is_no_file_is_the_notebooks_to_know(tmp_path: Path) -> None:
    named = Dataset.of("movies 2026")
    assert (named.value, named.slug, named.as_dict()) == ("movies 2026", "movies_2026", {"name": "movies 2026"})
