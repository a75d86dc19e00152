"""What the log says of a failure: notebook, cell and line, with the cell's code; and that no caller reads it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api_client import Contract, InProcess, stored
from api_notebooks import make_project

from chalicelib import bootstrap
from chalicelib.http.openapi import document
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT
from chalicelib.settings import load

NOTEBOOK = "usecases/payout.ipynb"
KEY = '{"shop": {"sha256": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b", "use_cases": ["*"]}}'
STEPS = """\
def stumble(mode: str, place: str) -> None:
    if mode == place:
        raise RuntimeError("stumbled at " + place)

@task(timeout=5, fallback=None)
def shaky(mode: str) -> int | None:
    stumble(mode, "shaky")
    return 1

@task(timeout=5)
def needed(mode: str) -> int:
    stumble(mode, "needed")
    return 1

def logic(needed, mode: str) -> int:
    stumble(mode, "logic")
    return needed

def decide(logic, shaky) -> Decision:
    return Decision(outcome="fine")"""
CELLS = [
    ("markdown", "# Payout\n\nFails where its request says."),
    (
        "export",
        """\
import os
from typing import Literal
from pydantic import BaseModel
from chalicelib.usecase import Subject, task

if os.environ.get("ARTEMIS_TEST_BROKEN"):
    raise OSError("no such model")

class Request(BaseModel):
    user_id: Subject
    mode: str = ""

class Decision(BaseModel):
    outcome: Literal["fine"]""",
    ),
    ("parameters", "unused: int = 1"),
    ("export", STEPS),
]
Serve = Callable[..., InProcess]


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(STEPS.split("\n"), 1) if text in line)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    stages = {"local": "deadline: 5\n", "production": "deadline: 5\n"}
    return Manifest.read(make_project(tmp_path_factory.mktemp("payout"), stages, {"payout": CELLS}).generated)


@pytest.fixture
def serve(built: Manifest, tmp_path: Path) -> Serve:
    def make(**environment: str) -> InProcess:
        database = tmp_path / "decisions.db"
        given = {"ARTEMIS_DATABASE_URL": f"sqlite:///{database}", **environment}
        service = bootstrap.build(load(given, built.stages, built.use_cases), built)
        return InProcess(service, database, Contract(document(built, LOCAL_CLIENT)))

    return make


def decide(api: InProcess, mode: str) -> Any:
    return api.decide("payout", {"user_id": "u-1", "mode": mode})


def test_a_failed_step_is_logged_with_every_place(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    problem = decide(serve(), "logic").problem(500, "step-failed")
    (record,) = (record for record in caplog.records if record.levelno == logging.ERROR)
    text = record.getMessage()
    assert text.startswith(f"decision {problem['decision_id']}: ")
    step, helper = line_of('stumble(mode, "logic")'), line_of("raise RuntimeError")
    assert f'File "{NOTEBOOK}", cell 4 [cell-4], line {step}, in logic\n' in text
    assert f'--> {step} |     stumble(mode, "logic")\n' in text
    assert f'File "{NOTEBOOK}", cell 4 [cell-4], line {helper}, in stumble\n' in text
    assert text.endswith("\nRuntimeError: stumbled at logic")
    assert ".py" not in text


def test_a_task_without_a_fallback_is_logged_with_its_place(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    decide(serve(), "needed").problem(502, "task-failed")
    line = line_of('stumble(mode, "needed")')
    assert f"cell 4 [cell-4], line {line}, in needed" in caplog.text


def test_a_task_that_falls_back_is_logged_with_its_place(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    assert decide(serve(), "shaky").status == 200
    (record,) = (record for record in caplog.records if "fell back" in record.getMessage())
    assert record.levelno == logging.WARNING
    line = line_of('stumble(mode, "shaky")')
    assert f'File "{NOTEBOOK}", cell 4 [cell-4], line {line}, in shaky\n' in record.getMessage()


@pytest.mark.parametrize("stage", ["local", "production"])
@pytest.mark.parametrize("mode", ["logic", "needed", "shaky"])
def test_a_traceback_is_neither_stored_nor_answered(serve: Serve, stage: str, mode: str) -> None:
    api = serve() if stage == "local" else serve(ARTEMIS_STAGE=stage, ARTEMIS_API_KEYS=KEY)
    if stage != "local":
        api.headers["Authorization"] = "Bearer secret"
    reply = decide(api, mode)
    decision_id = reply.json.get("decision_id") or reply.json["id"]
    traced = api.get(f"/v1/decisions/{decision_id}", {"include": ["trace"]})
    row, facts = stored(api.database, decision_id)
    for text in (reply.content.decode(), traced.content.decode(), json.dumps([row, facts], default=str)):
        for told in ("Traceback", "traceback", "-->", "stumble"):
            assert told not in text.replace("stumbled at", ""), told
    if stage != "local":
        assert "stumbled at" not in reply.content.decode() + traced.content.decode()


def test_an_error_at_import_is_logged_with_its_place(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """The code fails where it is served, as it did not where it was built."""
    api = serve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARTEMIS_TEST_BROKEN", "1")
        problem = decide(api, "").problem(500, "internal")
        with pytest.raises(OSError, match="no such model"):
            api.service.ready()
    assert "ipynb" not in problem["detail"]
    (record,) = (record for record in caplog.records if problem["error_id"] in record.getMessage())
    assert record.exc_info
    assert f'File "{NOTEBOOK}", cell 2 [cell-2], line 7, in <module>\n' in caplog.text
    assert '--> 7 |     raise OSError("no such model")' in caplog.text
