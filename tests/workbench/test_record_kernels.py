"""`artemis record` with real kernels: recorded against a model server once, then tested without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chalicelib.recordings import Recording, read
from tests.emulators.kserve import KServe
from tests.workbench.conftest import TemporaryProject

USE_CASE = '''
from typing import Literal

from pydantic import BaseModel

from chalicelib.models import Prediction
from chalicelib.usecase import Subject, task


class Request(BaseModel):
    user_id: Subject
    gaps: list[float]


class Decision(BaseModel):
    outcome: Literal["match", "no_match"]


@task(timeout=20)
def likeness(gaps: list[float], models) -> list[Prediction]:
    """How well each pair fits."""
    return models.predict("likeness", [{"gap": gap, "bias": 1.0} for gap in gaps])


def decide(likeness) -> Decision:
    """A match when any pair fits."""
    return Decision(outcome="match" if max(one.value for one in likeness) > limit else "no_match")
'''
ASKING = """
from workbench import run

for gaps in ([0.5, 9.5], [0.5]):
    print(run(Request(user_id="u1", gaps=gaps)).outcome)
"""
STAGING = """
providers: {predict: http}
provider_settings:
  http:
    models:
      likeness: {url: "%s/plain/models/linear", token_env: LIKENESS_TOKEN}
"""
TOKEN = "correct-horse-battery"


def printed(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}


def notebook(asking: str = ASKING, said: str = "match\nno_match\n") -> list[dict[str, Any]]:
    """The use case's cells, and one that asks with its saved output."""
    base = {"cell_type": "code", "execution_count": None, "outputs": []}

    def cell(name: str, source: str, *tags: str) -> dict[str, Any]:
        return base | {"id": name, "metadata": {"tags": list(tags)}, "source": source.strip().splitlines(keepends=True)}

    saved = {"execution_count": 1, "outputs": [printed(said)] if said else []}
    return [
        cell("parameters", "limit: float = 10.0  # above: a match", "parameters"),
        cell("steps", USE_CASE, "export"),
        cell("asking", asking) | saved,
    ]


def file_of(project: TemporaryProject) -> Path:
    return project.root / "usecases" / "recordings" / "trial.jsonl"


def held(project: TemporaryProject) -> list[Recording]:
    return read(file_of(project).read_text("utf-8"))


class Told(NamedTuple):
    project: TemporaryProject
    server: KServe
    recorded: Any


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """The use case, recorded against a model server that wants a token."""
    project = TemporaryProject(tmp_path_factory.mktemp("record") / "project")
    project.notebook("trial", notebook())
    project.stage("local", "providers: {predict: recorded}\n")
    with KServe(token=TOKEN) as server:
        project.stage("staging", STAGING % server.url)
        done = project.artemis("record", "trial", "--format", "json", LIKENESS_TOKEN=TOKEN)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Told(project, server, json.loads(done.stdout))


@pytest.fixture
def copy(told: Told, tmp_path: Path) -> TemporaryProject:
    """The recorded project, to be changed."""
    shutil.copytree(told.project.root, tmp_path / "copy")
    return TemporaryProject(tmp_path / "copy")


def test_each_item_that_was_asked_is_recorded_once_with_who_answered(told: Told) -> None:
    assert told.recorded["verdict"] == "recorded"
    assert told.recorded["answers"] == {"predict from http": 2}
    assert [(one.capability, one.asked, one.provider) for one in held(told.project)] == [
        ("predict", "likeness", "http")
    ] * 2
    assert {one.result["value"] for one in held(told.project)} == {2.5, 11.5}


def test_the_recording_holds_neither_the_token_nor_the_answers_source(told: Told) -> None:
    text = file_of(told.project).read_text("utf-8")
    assert TOKEN not in text
    assert "source" not in text


def test_the_notebook_is_then_tested_without_server_and_token(told: Told) -> None:
    before = len(told.server.calls)
    done = told.project.artemis("test", "trial", "--tier", "notebooks")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(told.server.calls) == before


def test_a_question_that_was_not_recorded_fails_the_test_and_says_what_to_do(copy: TemporaryProject) -> None:
    copy.notebook("trial", notebook(ASKING.replace("9.5", "9.25")))
    done = copy.artemis("test", "trial", "--tier", "notebooks")
    assert done.returncode == 1
    assert "no recording answers predict/likeness" in done.stdout
    assert "artemis record" in done.stdout


def test_a_notebook_that_fails_leaves_the_recording_as_it_was(copy: TemporaryProject, told: Told) -> None:
    before = file_of(copy).read_bytes()
    copy.notebook("trial", notebook(ASKING + "\nassert False, 'not so'"))
    done = copy.artemis("record", "trial", LIKENESS_TOKEN=TOKEN)
    assert done.returncode == 1
    assert "not so" in done.stdout
    assert "cell 3" in done.stdout
    assert "nothing was recorded" in done.stdout
    assert file_of(copy).read_bytes() == before


def test_what_failed_while_it_was_recorded_is_told(copy: TemporaryProject) -> None:
    """The variable with the token is not set here, and the notebook goes on without an answer."""
    source = USE_CASE.replace("timeout=20", "timeout=20, fallback=[]")
    source = source.replace("max(one.value for one in likeness)", "max([one.value for one in likeness], default=0.0)")
    cells = notebook()
    cells[1]["source"] = source.strip().splitlines(keepends=True)
    copy.notebook("trial", cells)
    done = copy.artemis("record", "trial", "--format", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["verdict"]) == (1, "nothing answered"), done.stdout
    place = "provider_settings.http.models.likeness"
    why = f"{place}: the environment variable LIKENESS_TOKEN holds no token; set it"
    assert told["failed"] == {f"predict/likeness: not-configured: {why}": 2}
