"""What tasks ask of models: a name that is no capability is reported wherever it is reached, and only there."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

from workbench import notebook as notebooks
from workbench.build import build as check
from workbench.draft import Draft, draft
from workbench.problems import Problem
from workbench.rules.capability import asked, no_provider

TASK = """
@task(timeout=5)
def words(photo: Photo, models) -> list[str]:
    {body}
"""


def task(body: str, more: str = "") -> str:
    return textwrap.dedent(more) + TASK.format(body=textwrap.indent(textwrap.dedent(body).strip(), "    ").strip())


def of_rule(problems: list[Problem], rule: str = "capability") -> list[Problem]:
    return [problem for problem in problems if problem.rule == rule]


def drafted(project: Any, sound: Any, source: str, answered: Any = None) -> Draft:
    path = project.notebook("trial", sound.exporting(source))
    return draft(notebooks.read("usecases/trial.ipynb", "trial", path.read_bytes()), answered=answered)


HELPER = """
def read(picture, source):
    return [line.text for line in source.texts(picture)]
"""
OUTER = """
def outer(picture, *, by=None):
    return inner(by, picture)


def inner(asked, picture):
    return [line.text for line in asked.txt(picture)]
"""


@pytest.mark.parametrize(
    ("source", "name", "through", "hint"),
    [
        (task("return [line.text for line in models.texts(photo)]"), "texts", "", "did you mean 'text'?"),
        (task("return [str(models.Moderation(photo))]"), "Moderation", "", "did you mean 'moderation'?"),
        (task("return models.summary(photo)"), "summary", "", "there are: moderation, faces, text"),
        (task("m = models\nreturn m.texts(photo)"), "texts", "", "'text'"),
        (task("ask = models.texts\nreturn ask(photo)"), "texts", "", "'text'"),
        (task("def inside():\n    return models.texts(photo)\nreturn inside()"), "texts", "", "'text'"),
        (task("return [(lambda p: models.texts(p))(photo)]"), "texts", "", "'text'"),
        (task("return read(photo, models)", HELPER), "texts", " through 'read'", "'text'"),
        (task("return read(source=models, picture=photo)", HELPER), "texts", " through 'read'", "'text'"),
        (task("return outer(photo, by=models)", OUTER), "txt", " through 'outer' -> 'inner'", "'text'"),
    ],
)
def test_a_name_that_is_no_capability_is_reported(
    project: Any, sound: Any, source: str, name: str, through: str, hint: str
) -> None:
    (problem,) = of_rule(project.problems(sound.exporting(source)))
    assert problem.message == f"task 'words'{through} asks models for {name!r}, which is no capability"
    assert hint in problem.hint
    assert problem.severity == "error"
    assert name in problem.code
    assert problem.cell == 6


@pytest.mark.parametrize(
    "source",
    [
        task("return [line.text for line in models.text(photo)]"),
        task("return [models.predict('size', {'a': 1}).source.model]"),
        task(
            "rows = models.query('SELECT 1')\nreturn [str(rows), str(models.embedding('a')), str(models.labels(photo))]"
        ),
        task("models = sorted([photo.format])\nreturn models.copy()"),
        task("return [models.join(photo) for models in ['a']]"),
        task("return read(photo, [photo])", "def read(picture, models):\n    return models.copy()\n"),
        task("return read(models, [])", "def read(source, models):\n    return models.copy()\n"),
        task("return []", "models_known = 3\n"),
        "def logic(faces: list[Face]) -> int:\n    models = []\n    return models.count(1)\n",
        task("return list(Shelf().models.books())", "class Shelf:\n    models = {}\n"),
    ],
)
def test_anything_else_is_not(project: Any, sound: Any, source: str) -> None:
    assert of_rule(project.problems(sound.exporting(source))) == []


def test_functions_that_pass_it_to_each_other_are_followed_once(project: Any, sound: Any) -> None:
    more = """
    def ping(models, n):
        return pong(models, n - 1) if n else models.faes(None)


    def pong(models, n):
        return ping(models, n)
    """
    problems = of_rule(project.problems(sound.exporting(task("return ping(models, 3)", more))))
    assert [problem.message for problem in problems] == [
        "task 'words' through 'ping' asks models for 'faes', which is no capability"
    ]


def test_a_line_may_opt_out(project: Any, sound: Any) -> None:
    source = task("return models.summary(photo)  # artemis: ignore[capability]")
    assert of_rule(project.problems(sound.exporting(source))) == []


# Who answers on which stage


def lacking(project: Any, sound: Any, source: str, **answered: set[str]) -> list[str]:
    known = {stage: frozenset(names) for stage, names in answered.items()}
    return [problem.message for problem in no_provider(drafted(project, sound, source, known))]


USED = task("return [str(models.predict('size', {'a': 1})), str(models.labels(photo))]") + (
    "\n\ndef decide(faces, words) -> Decision:\n    return Decision(outcome='review')\n"
)


def test_a_stage_where_nobody_answers_is_named(project: Any, sound: Any) -> None:
    assert lacking(
        project,
        sound,
        USED,
        local={"faces", "predict", "labels"},
        production={"predict/size"},
        staging={"predict/other"},
    ) == [
        "task 'faces' asks for faces, and nobody answers it on the stages production, staging",
        "task 'words' asks for predict/size, and nobody answers it on the stage staging",
        "task 'words' asks for labels, and nobody answers it on the stages production, staging",
    ]


def test_a_model_whose_name_is_not_written_out_is_answered_by_any(project: Any, sound: Any) -> None:
    source = USED.replace("'size'", "photo.format")
    assert not any("predict" in said for said in lacking(project, sound, source, local={"predict/size"}))
    assert any("predict" in said for said in lacking(project, sound, source, local={"labels"}))


def test_what_no_decision_needs_is_not_looked_for(project: Any, sound: Any) -> None:
    assert lacking(project, sound, task("return models.labels(photo)"), local={"faces"}) == []


def test_without_stage_files_nothing_is_said(project: Any, sound: Any) -> None:
    assert lacking(project, sound, USED) == []


def test_what_is_asked_is_found_in_reading_order(project: Any, sound: Any) -> None:
    found = asked(drafted(project, sound, USED))
    assert [(one.whole, one.path) for one in found] == [
        ("faces", ("faces",)),
        ("predict/size", ("words",)),
        ("labels", ("words",)),
    ]


def test_a_build_warns_once_and_again_when_a_stage_file_changes(project: Any, sound: Any) -> None:
    project.notebook("trial", sound())
    project.stage("local", "providers: {text: local}\n")
    (problem,) = of_rule(check(project).problems, "no-provider")
    assert (problem.cell, problem.severity) == (4, "warning")
    assert problem.hint == "name a provider of faces under providers: in usecases/stages/local.yaml"
    project.stage("local", "providers: {faces: local}\n")
    assert of_rule(check(project).problems, "no-provider") == []
    project.stage("local", "providers: {}\n")
    assert len(of_rule(check(project).problems, "no-provider")) == 1
