"""A built project of small use cases, and services of it, each with a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import keyed_project
import pytest
from api_client import Contract, InProcess, MakeApi, OverSocket
from api_notebooks import NOTEBOOKS, make_project
from api_server import ROOT, Server, copy_runtime, serving

from chalicelib import bootstrap
from chalicelib.http.openapi import document
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import load
from workbench.project import Project

STAGES = {"local": "deadline: 25\n", "production": "use_cases:\n  refund_check:\n    parameters: {limit: 50.0}\n"}
STAGES_OF_PAID = {"local": "deadline: 10\nproviders:\n  embedding: http\n"}


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """Nothing of the developer's own settings reaches the app that is imported here."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STAGE", "DATABASE_URL", "API_KEYS", "LOG_LEVEL"):
            patch.delenv(f"ARTEMIS_{name}", raising=False)
        patch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
        import app  # noqa: F401

        yield


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"), STAGES, NOTEBOOKS)


@pytest.fixture(scope="session")
def manifest(project: Project) -> Manifest:
    return Manifest.read(project.generated)


@pytest.fixture
def make_api(manifest: Manifest, tmp_path: Path) -> MakeApi:
    """Makes a client of a new service. ``settings`` replace what was loaded, e.g. ``deadline=1.0``."""

    def make(environment: dict[str, str] | None = None, url: str = "", **settings: Any) -> InProcess:
        database = tmp_path / "decisions.db"
        given = {"ARTEMIS_DATABASE_URL": url or f"sqlite:///{database}", **(environment or {})}
        loaded = replace(load(given, manifest.stages, manifest.use_cases), **settings)
        return client_of(bootstrap.build(loaded, manifest), database)

    return make


def client_of(service: Service, database: Path) -> InProcess:
    return InProcess(service, database, Contract(document(service.manifest, LOCAL_CLIENT)))


@pytest.fixture
def api(make_api: MakeApi) -> InProcess:
    """The small use cases on the local stage, without keys, on an empty database."""
    return make_api()


@pytest.fixture(scope="session")
def paid_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two use cases whose every task is paid for."""
    return make_project(tmp_path_factory.mktemp("paid"), STAGES_OF_PAID, keyed_project.NOTEBOOKS)


@pytest.fixture
def shop(paid_project: Project, emptied_url: str, tmp_path: Path) -> Iterator[keyed_project.Shop]:
    """A service of them, on an empty database of each kind."""
    made = keyed_project.make_shop(Manifest.read(paid_project.generated), emptied_url, tmp_path / "calls")
    yield made
    made.store.close()


@pytest.fixture(scope="session")
def served_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small use cases in a project that can be served; a request there has 2 seconds."""
    root = tmp_path_factory.mktemp("served")
    copy_runtime(root)
    make_project(root, {"local": "deadline: 2\n"}, NOTEBOOKS)
    return root


@pytest.fixture(scope="module")
def server(served_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with serving(served_project, folder, folder / "decisions.db") as running:
        yield running


@pytest.fixture(scope="module")
def wire(server: Server) -> Iterator[OverSocket]:
    """The small use cases over a real connection."""
    yield from connected(server)


@pytest.fixture(scope="module")
def photo_wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OverSocket]:
    """The real project with its real models, over a real connection."""
    folder = tmp_path_factory.mktemp("photos")
    with serving(ROOT, folder, folder / "decisions.db") as running:
        yield from connected(running)


def connected(server: Server) -> Iterator[OverSocket]:
    """A client that hangs up at the end, so that the server need not wait for it."""
    client = OverSocket(server.url, server.log.parent / "decisions.db")
    yield client
    client.http.close()
