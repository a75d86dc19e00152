"""A use case that pays for two answers, one after the other, and services of it on any database.

The calls are counted in a file that outlives the process that made them: one line each, ``<model> <user_id>``.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.asking import Answer, Asking
from chalicelib.calling.router import Router
from chalicelib.engine import Engine
from chalicelib.manifest import Manifest
from chalicelib.models import Prediction
from chalicelib.service import Service
from chalicelib.settings import load
from chalicelib.store import Store
from tests.api.api_client import Contract, InProcess, make_event
from tests.workbench.conftest import TemporaryProject, code

PATH = "/v1/use-cases/paid-twice/decisions"
TASKS = ("first", "second")
CODE = """
from typing import Literal
from pydantic import BaseModel
from chalicelib.usecase import Subject, task

class Request(BaseModel):
    user_id: Subject
    note: str = ""

class Decision(BaseModel):
    outcome: Literal["pay", "review"]
    score: float

@task
def first(user_id: str, models) -> float:
    return models.predict("first", {"user_id": user_id}).value

@task
def second(first, user_id: str, models) -> float:
    return first + models.predict("second", {"user_id": user_id}).value

def decide(second) -> Decision:
    return Decision(outcome="pay", score=second)
"""
STAGE = {"providers": {"predict": "counted"}, "deadline": 10}


class Counted:
    """Answers every prediction with 1, and writes the call down before it does."""

    MANAGED = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self.before: Callable[[], None] = lambda: None  # a call

    def predict(self, model: str, features: list[dict[str, Any]], asking: Asking) -> Answer:
        self.before()
        line = f"{model} {features[0]['user_id']}\n".encode()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, line)  # one write: it stands there whatever becomes of the process
        os.close(descriptor)
        return Answer([Prediction(value=1.0) for _ in features], model, "1")

    def calls(self) -> Counter[tuple[str, str]]:
        """(model, user id) -> how often it was paid for."""
        lines = self.path.read_text("utf-8").splitlines() if self.path.exists() else []
        return Counter((line.partition(" ")[0], line.partition(" ")[2]) for line in lines)


def built(root: Path) -> Manifest:
    """The use case, built."""
    project = TemporaryProject(root)
    project.notebooks.mkdir(parents=True, exist_ok=True)
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Paid twice\n\nAsks two models."}
    project.notebook("paid_twice", [title, code("", "parameters", name="parameters"), code(CODE, "export", name="all")])
    project.stage("local", "deadline: 10\n")
    report = project.build()
    assert not report.problems, report.problems
    return Manifest.read(project.generated)


@dataclass
class Shop:
    """A service of its own on a database, asked through the app, and what it paid for."""

    api: InProcess
    store: Store
    counted: Counted

    def close(self) -> None:
        self.store.close()


def service(manifest: Manifest, url: str, calls: Path, **stage: Any) -> tuple[Service, Store, Counted]:
    """A new service, as a process that has just started has it."""
    settings = load({"ARTEMIS_DATABASE_URL": url}, {"local": {**STAGE, **stage}}, manifest.use_cases)
    store, counted = Store(url), Counted(calls)
    router = Router(settings.routing, lambda name, own: counted, lambda: store)
    return Service(settings, manifest, Engine(router.models), lambda: store, router.identity), store, counted


def make_shop(manifest: Manifest, contract: Contract, url: str, calls: Path, **stage: Any) -> Shop:
    """A new service, asked through the app."""
    made, store, counted = service(manifest, url, calls, **stage)
    return Shop(InProcess(made, Path("nowhere"), contract), store, counted)


def post(app: Any, user: str, key: str | None = None) -> dict[str, Any]:
    """What the app answers to a request for a decision; for threads, which `InProcess` is not for."""
    headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
    answer: dict[str, Any] = app(make_event("POST", PATH, json.dumps({"user_id": user}), headers, None), None)
    return answer
