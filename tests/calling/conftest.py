"""Two small use cases that ask for the same embeddings, decided on by services that share one database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.asking import Answer, Asking
from chalicelib.calling.router import Router
from chalicelib.engine import Engine
from chalicelib.errors import ProviderError
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import load
from chalicelib.store import Store
from tests.workbench.conftest import TemporaryProject, code

CODE = """
from typing import Literal
from pydantic import BaseModel
from chalicelib.usecase import Subject, task

class Request(BaseModel):
    user_id: Subject
    texts: list[str]

class Decision(BaseModel):
    outcome: Literal["long", "short"]

@task(timeout=5{more})
def vectors(texts: list[str], models) -> list[list[float]]{optional}:
    return models.embedding(texts)

def decide(vectors) -> Decision:
    return Decision(outcome="long" if vectors and sum(vector[0] for vector in vectors) > 9 else "short")
"""
USE_CASES = {
    "similar": CODE.format(more="", optional=""),
    "ranking": CODE.format(more="", optional=""),
    "fresh": CODE.format(more=', reuse="0d"', optional=""),
    "patient": CODE.format(more=', reuse="30d"', optional=""),
    "falling_back": CODE.format(more=", fallback=None", optional=" | None"),
}


class Lengths:
    """A provider whose vector is a text's length, which counts what it is asked."""

    MANAGED = True

    def __init__(self, version: str = "1") -> None:
        self.asked: list[list[str]] = []
        self.version, self.error = version, ""

    def embedding(self, texts: list[str], asking: Asking) -> Answer:
        self.asked.append(texts)
        if self.error:
            raise ProviderError("it cannot", code=self.error)
        return Answer([[float(len(text))] for text in texts], "lengths", self.version, units=len(texts))


class Deciding:
    """A service of the small use cases, as one process would have it."""

    def __init__(self, service: Service, providers: dict[str, Lengths]) -> None:
        self.service, self.providers = service, providers

    @property
    def asked(self) -> list[list[str]]:
        return self.providers["one"].asked

    def decide(self, use_case: str, *texts: str) -> dict[str, Any]:
        made = self.service.decide(LOCAL_CLIENT, use_case, json.dumps({"user_id": "u-1", "texts": texts}))
        return dict(json.loads(made.envelope))

    def calls(self, decision: dict[str, Any]) -> list[dict[str, Any]]:
        """The calls in a decision's trace."""
        trace = json.loads(self.service.get(LOCAL_CLIENT, decision["id"], with_trace=True))["trace"]
        return next(step["calls"] for step in trace["steps"] if step["kind"] == "task")


Make = Callable[..., Deciding]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    project = TemporaryProject(tmp_path_factory.mktemp("calling"))
    project.notebooks.mkdir(parents=True)
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Small\n\nAsks for embeddings."}
    for name, source in USE_CASES.items():
        project.notebook(name, [title, code("", "parameters", name="parameters"), code(source, "export", name="all")])
    project.stage("local", "deadline: 10\n")
    report = project.build()
    assert not report.problems, report.problems
    return Manifest.read(project.generated)


@pytest.fixture
def deciding(built: Manifest, tmp_path: Path) -> Make:
    """``deciding(reuse="30d")``: a new service, on the test's one database."""

    def make(
        chain: Any = "one", reuse: str | None = None, url: str = "", settings: Any = None, **content: Any
    ) -> Deciding:
        stage = {"providers": {"embedding": chain}, **content}
        stage |= {"reuse": {"embedding": reuse}} if reuse else {}
        stage |= {"provider_settings": settings} if settings else {}
        url = url or f"sqlite:///{tmp_path / 'decisions.db'}"
        loaded = load({"ARTEMIS_DATABASE_URL": url}, {"local": stage}, built.use_cases)
        store = Store(url)
        names = [chain] if isinstance(chain, str) else chain
        providers = {name: Lengths() for name in names}
        router = Router(loaded.routing, lambda name, _settings: providers[name], lambda: store)
        service = Service(loaded, built, Engine(router.models), lambda: store, router.identity)
        return Deciding(service, providers)

    return make
