"""Rules of hygiene over exported code: what ships is used, importable and public."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.build import build
from workbench.problems import Problem

UNUSED = {
    "a helper nobody calls": "def half(count):\n    return count / 2",
    "a helper only a string mentions": "def half(count):\n    return 'half'",
    "a helper that calls itself": "def half(count):\n    return half(count - 1) if count else 0",
    "a task no step takes": "@task(timeout=5)\ndef half(photo: Photo) -> int:\n    return 2",
    "a class nobody names": "class Half:\n    pass",
    "a class only a Literal mentions": "Kind = Literal['Half']\nclass Half:\n    pass",
}
USED = {
    "called when the module is loaded": "def half(count):\n    return count / 2\nHALF = half(3)",
    "a factory of a default": (
        "def none() -> list[int]:\n    return []\n"
        "class A(BaseModel):\n    some: list[int] = Field(default_factory=none)\nSEEN = A()"
    ),
    "a validator in an annotation": (
        "from pydantic import AfterValidator\ndef fits(value: int) -> int:\n    return value\n"
        "Fitting = Annotated[int, AfterValidator(fits)]"
    ),
    "a decorator": "def same(function):\n    return function\n@same\ndef other():\n    return 1",
    "a default of an argument": "def one():\n    return 1\nBIG = sorted([2], key=lambda value, of=one: of())",
    "a type in quotes": "class Later:\n    pass\ndef use(value: 'Later | None') -> None:\n    return None\nuse(None)",
    "a hook of modules": "def __getattr__(name):\n    raise AttributeError(name)",
    "names looked up at run time": "def half():\n    return 1\nALL = globals()",
}
MISSING = {
    "import pandas": "'pandas'",
    "import pandas as pd": "'pandas'",
    "import pandas.testing": "'pandas.testing'",
    "from pandas import DataFrame": "'pandas'",
    "import os, pandas": "'pandas'",
    "def late():\n    import pandas\nlate": "'pandas'",
    "try:\n    import pandas\nexcept ImportError:\n    pandas = None": "'pandas'",
    "from google.cloud import storage": "'google.cloud'",
    "import click": "'click'",
    "import chalice": "'chalice'",
}
PROVIDED = [
    "import statistics, zoneinfo, os.path",
    "from __future__ import annotations",
    "import PIL",
    "from PIL import Image",
    "import pydantic_core, sqlalchemy.orm, typing_extensions",
    "from google.cloud import vision",
    "from google.cloud.vision import ImageAnnotatorClient",
    "import yaml",
    "from chalicelib.models import Face",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas",
]
REQUIREMENTS = "pillow==12.0\npydantic>=2\npydantic_core\nSQLAlchemy\ntyping.extensions\ngoogle-cloud-vision\nPyYAML\n"
PRIVATE = [
    "import chalicelib",
    "import chalicelib.engine",
    "from chalicelib import engine",
    "from chalicelib import models, engine",
    "from chalicelib.engine import run",
    "from chalicelib.usecase import load",
    "from chalicelib.models import _Call",
    "import workbench",
    "from workbench import show",
    "import app",
    "from serving import wsgi",
    "from . import models",
    "from .models import Face",
]
PUBLIC = [
    "from chalicelib import models",
    "from chalicelib import models, usecase",
    "import chalicelib.models",
    "import chalicelib.models as capabilities",
    "from chalicelib.usecase import Photo, Subject, task",
    "from chalicelib.usecase import History, PastDecision, PastLabel, PastResult",
    "from chalicelib.models import Face, Moderation",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from workbench.notebook import Cell",
]


def found(project: Any, cells: Any, rule: str) -> list[Problem]:
    project.notebook("trial", cells)
    return sorted(problem for problem in build(project).problems if problem.rule == rule)


@pytest.mark.parametrize("case", UNUSED)
def test_what_no_decision_uses_is_reported(case: str, project: Any, sound: Any) -> None:
    (problem,) = found(project, sound.exporting(UNUSED[case]), "unused-export")
    assert (problem.cell, problem.severity) == (6, "warning")
    assert "alf" in problem.message
    assert project.module("trial").exists(), "a warning keeps nothing from being built"


@pytest.mark.parametrize("case", USED)
def test_what_is_used_in_any_way_is_not(case: str, project: Any, sound: Any) -> None:
    assert found(project, sound.exporting(USED[case]), "unused-export") == []


def test_what_only_unused_code_uses_is_unused_too(project: Any, sound: Any) -> None:
    cells = sound.exporting("def one():\n    return two()", "def two():\n    return 2")
    assert [problem.cell for problem in found(project, cells, "unused-export")] == [6, 7]


def test_the_hint_names_the_cell_that_alone_uses_it(project: Any, sound: Any, cell: Any) -> None:
    cells = [*sound.exporting("def half(count):\n    return count / 2"), cell("half(3)", name="trying")]
    (problem,) = found(project, cells, "unused-export")
    assert "only cell 7, which is not exported, uses it" in problem.hint


def test_a_misspelt_argument_is_reported_alone(project: Any, sound: Any) -> None:
    cells = sound(decide=sound.source("decide").replace("decide(crowded", "decide(crowdde"))
    project.notebook("trial", cells)
    assert {problem.rule for problem in build(project).problems} == {"unknown-argument"}


@pytest.mark.parametrize("name", ["decide_missing", "decide_no_function", "request_missing"])
def test_without_the_names_that_all_hangs_on_nothing_is_called_unused(name: str, project: Any, notebooks: Any) -> None:
    project.file("usecases/trial.ipynb", (notebooks / "broken" / f"{name}.ipynb").read_bytes())
    assert "unused-export" not in {problem.rule for problem in build(project).problems}


@pytest.mark.parametrize("source", MISSING)
def test_an_import_that_requirements_do_not_provide_is_an_error(source: str, project: Any, sound: Any) -> None:
    project.file("requirements.txt", REQUIREMENTS)
    (problem,) = found(project, sound.exporting(source), "missing-requirement")
    assert (problem.cell, problem.severity) == (6, "error")
    assert MISSING[source] in problem.message
    assert "requirements.txt" in problem.hint
    assert "pyproject.toml" in problem.hint


@pytest.mark.parametrize("source", PROVIDED)
def test_what_python_or_the_requirements_provide_is_not_reported(source: str, project: Any, sound: Any) -> None:
    project.file("requirements.txt", REQUIREMENTS)
    assert found(project, sound.exporting(source), "missing-requirement") == []


@pytest.mark.parametrize(("source", "name"), [("import cv2", "opencv"), ("import sklearn.svm", "scikit-learn")])
def test_the_hint_names_the_distribution(source: str, name: str, project: Any, sound: Any) -> None:
    project.file("requirements.txt", "pydantic\n")
    (problem,) = found(project, sound.exporting(source), "missing-requirement")
    assert name in problem.hint


def test_without_requirements_nothing_is_said_of_them(project: Any, sound: Any) -> None:
    assert found(project, sound.exporting("import pandas"), "missing-requirement") == []


def test_cells_that_are_not_exported_import_what_they_like(project: Any, sound: Any) -> None:
    project.file("requirements.txt", "pydantic\n")
    assert project.problems(sound.then("import pandas\nfrom workbench import show\nimport chalicelib.engine")) == []


@pytest.mark.parametrize("source", PRIVATE)
def test_inner_parts_of_artemis_are_not_imported(source: str, project: Any, sound: Any) -> None:
    (problem,) = found(project, sound.exporting(source), "private-import")
    assert (problem.cell, problem.line, problem.severity) == (6, 1, "error")


@pytest.mark.parametrize("source", PUBLIC)
def test_its_public_modules_are(source: str, project: Any, sound: Any) -> None:
    assert found(project, sound.exporting(source), "private-import") == []


CALLED = {
    "a value of the module": "ALL = faces(None, None)",
    "a lambda": "ALL = lambda photo: faces(photo, None)",
    "a method": "class Finder:\n    def find(self, photo):\n        return faces(photo, None)",
    "another task": "@task(timeout=5)\ndef few(photo: Photo, models) -> int:\n    return len(faces(photo, models))",
    "a helper": "def helper(photo):\n    return faces(photo, None)",
}


@pytest.mark.parametrize("case", CALLED)
def test_a_task_is_called_by_the_engine_alone(case: str, project: Any, sound: Any) -> None:
    assert ("task-called", 6) in {(found.rule, found.cell) for found in project.problems(sound.exporting(CALLED[case]))}


def test_a_local_of_a_tasks_name_may_be_called(project: Any, sound: Any) -> None:
    assert project.problems(sound.exporting("def helper(faces):\n    return faces()")) == []


def test_a_parameter_is_given_once(project: Any, sound: Any) -> None:
    (problem,) = project.problems(sound(parameters="faces_max: int = 1\nfaces_max: int = 2"))
    assert (problem.rule, problem.cell, problem.line) == ("parameter-form", 3, 2)
