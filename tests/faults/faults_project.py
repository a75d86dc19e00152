"""Small use cases, each with a task that asks the provider under test and, beside it, one that asks a steady server.

    <kind>_needed     without the answer there is no decision
    <kind>_optional   the task has a fallback
    <kind>_brief      the task gives up sooner than its provider does

``kind`` is what the provider is asked for: moderation, predict or query.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chalicelib.manifest import Manifest
from tests.workbench.conftest import TemporaryProject, code

QUERY = "SELECT id FROM `shop.orders` ORDER BY id"
CODE = """
from typing import Literal
from pydantic import BaseModel
from chalicelib.models import Moderation, Prediction
from chalicelib.usecase import Photo, Subject, task

class Request(BaseModel):
    user_id: Subject
    photo: Photo

class Decision(BaseModel):
    outcome: Literal["seen", "unseen"]
    beside: float

@task{options}
def asked({argument}, models) -> {result}:
    return {call}

@task
def beside(user_id: str, models) -> float:
    return models.predict("beside", {{"x": 1}}).value

def decide(asked, beside) -> Decision:
    return Decision(outcome="unseen" if asked is None else "seen", beside=beside)
"""
KINDS = {  # kind -> the task's argument, its result, and how it asks
    "moderation": ("photo: Photo", "Moderation", "models.moderation(photo)"),
    "predict": ("user_id: str", "Prediction", 'models.predict("asked", {"x": 1.0})'),
    "query": ("user_id: str", "list[dict[str, int]]", f'models.query("{QUERY}")'),
}
BRIEF = 0.4  # seconds
USES = {"needed": "", "optional": "(fallback=None)", "brief": f"(timeout={BRIEF})"}
PRICE = {"usd": 0.25, "per": 1, "unit": "call"}  # of the steady server, which a real price list would not know


def write(root: Path, stage: str) -> TemporaryProject:
    """The use cases of all kinds and the local stage, built into a project."""
    project = TemporaryProject(root)
    project.notebooks.mkdir(parents=True, exist_ok=True)
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Faulty\n\nAsks whoever has trouble."}
    for kind, (argument, result, call) in KINDS.items():
        for use, options in USES.items():
            wide = f"{result} | None" if use == "optional" else result
            source = CODE.format(options=options, argument=argument, result=wide, call=call)
            cells = [title, code("", "parameters", name="parameters"), code(source, "export", name="all")]
            project.notebook(f"{kind}_{use}", cells)
    project.stage("local", stage)
    report = project.build()
    assert not report.problems, report.problems
    return project


def built(root: Path) -> Manifest:
    """The use cases, with a price for the steady server."""
    project = write(root, "deadline: 6\n")
    return replace(Manifest.read(project.generated), pricing={"beside": {"predict": PRICE}})
