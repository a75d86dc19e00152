"""Use cases from a few lines of code, loaded for real, and an engine to run them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib import intake
from chalicelib.calling.router import Router
from chalicelib.calling.routing import Routing
from chalicelib.engine import Engine
from chalicelib.photo import PhotoPolicy
from chalicelib.providers import make
from chalicelib.run import Run
from chalicelib.usecase import Source, UseCase, load
from chalicelib.vault import Vault, new_key
from chalicelib.workers import Workers

HEAD = """
import time
from typing import Annotated, Any, Literal
from pydantic import BaseModel, ConfigDict, Field
from chalicelib.usecase import Photo, Subject, bind, task
"""
MODELS = """
class Request(BaseModel):
    user_id: Subject
    score: float = 0.5

class Decision(BaseModel):
    outcome: str
"""
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_numbers = itertools.count()

Loader = Callable[..., UseCase]
Decider = Callable[..., Run]


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    """``loaded(code, overrides)``: a module with ``code`` under the usual imports, loaded."""

    def make(code: str, overrides: dict[str, Any] | None = None, models: str = MODELS) -> UseCase:
        path = tmp_path / f"case_{next(_numbers)}.py"
        path.write_text(HEAD + models + code, "utf-8")
        lines = path.read_text("utf-8").count("\n") + 1
        source = Source("usecases/case.ipynb", ((1, lines, 3, "logic"),))
        return load(path.stem, path, overrides, source)

    return make


@pytest.fixture
def vault() -> Vault:
    """A vault with a key of its own."""
    return Vault([new_key()])


@pytest.fixture
def engine() -> Engine:
    """An engine with few workers and no provider."""
    return Engine(Router(Routing(), make).models, Workers(live=4, hung=3))


@pytest.fixture
def decide(engine: Engine) -> Decider:
    """``decide(usecase, score=…)``: one run of the engine."""

    def run(usecase: UseCase, deadline: float = 10, **fields: Any) -> Run:
        body = usecase.request_model(**{"user_id": "u", **fields}).model_dump_json()
        request = intake.read(usecase.request_model, body, PhotoPolicy())
        return engine.run(usecase, request, NOW, deadline)

    return run
