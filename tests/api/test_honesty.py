"""Nothing in silence: a fallback is logged, and a trace that disagrees with the decision says so."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from api_notebooks import make_project

from chalicelib import bootstrap
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import load

MODELS = """\
import random
from pydantic import BaseModel
from chalicelib.usecase import task

class Request(BaseModel):
    name: str

class Decision(BaseModel):
    outcome: str"""
IMPURE = (
    "def decide(name) -> Decision:\n    return Decision(outcome=str(random.random()))  # artemis: ignore[randomness]"
)
DEGRADED = """\
@task(fallback=0)
def size(name) -> int:
    raise RuntimeError("no answer")

def decide(size) -> Decision:
    return Decision(outcome=str(size))"""


RENAMED = MODELS.replace("outcome: str", "outcome: str = Field(alias='theOutcome')").replace(
    "import BaseModel", "import BaseModel, Field"
)
PURE = "def decide(name) -> Decision:\n    return {'theOutcome': name, 'more': 1}"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    parts = {"impure": (MODELS, IMPURE), "degraded": (MODELS, DEGRADED), "renamed": (RENAMED, PURE)}
    notebooks = {
        name: [("markdown", "# A"), ("export", models), ("parameters", "unused: int = 1"), ("export", code)]
        for name, (models, code) in parts.items()
    }
    manifest = Manifest.read(make_project(tmp_path, {"local": "deadline: 25\n"}, notebooks).generated)
    url = {"ARTEMIS_DATABASE_URL": f"sqlite:///{tmp_path / 'decisions.db'}"}
    return bootstrap.build(load(url, manifest.stages, manifest.use_cases), manifest)


def test_a_trace_that_does_not_come_to_the_decision_says_so(service: Service) -> None:
    made = service.decide(LOCAL_CLIENT, "impure", '{"name": "a"}')
    trace = json.loads(service.get(LOCAL_CLIENT, made.id, with_trace=True))["trace"]
    assert "differs from what was decided" in trace["logic"]


def test_a_fallback_is_logged_with_decision_task_and_reason(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "artemis"):
        made = service.decide(LOCAL_CLIENT, "degraded", '{"name": "a"}')
    (record,) = caplog.records
    assert made.id in record.getMessage()
    assert "degraded.size fell back" in record.getMessage() and "no answer" in record.getMessage()
    trace = json.loads(service.get(LOCAL_CLIENT, made.id, with_trace=True))["trace"]
    assert trace["logic"] == "recomputed"


def test_a_decision_written_by_other_names_is_not_taken_for_another(service: Service) -> None:
    """Stored by its aliases, and without what `Decision` does not declare: the trace shows the same."""
    made = service.decide(LOCAL_CLIENT, "renamed", '{"name": "a"}')
    trace = json.loads(service.get(LOCAL_CLIENT, made.id, with_trace=True))["trace"]
    assert trace["logic"] == "recomputed"
    assert trace["steps"][-1]["result"] == json.loads(made.envelope)["decision"] == {"theOutcome": "a"}
