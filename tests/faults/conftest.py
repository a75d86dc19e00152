"""The clouds, and services that ask them: real providers over real sockets, asked through the app."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import store_project
from faults_clouds import CLOUDS, MORE, Cloud, plant
from faults_project import built as build
from faults_seen import Deciding, Seen, check_nothing_leaks
from store_relay import PgRelay

from chalicelib.calling.router import Router
from chalicelib.engine import Engine
from chalicelib.http.openapi import document
from chalicelib.manifest import Manifest
from chalicelib.providers import make
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import load
from chalicelib.store import Store
from tests.api.api_client import Contract, InProcess
from tests.emulators.aws import ERRORS, Aws
from tests.emulators.kserve import KServe

OTHERS = {"beside": "http"}  # a name of a test's own -> the provider that it is


@pytest.fixture(scope="session", autouse=True)
def _plain_environment() -> Iterator[None]:
    """Nothing of the developer's own settings reaches the app that is imported here."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STAGE", "DATABASE_URL", "API_KEYS", "LOG_LEVEL", "ENDPOINTS"):
            patch.delenv(f"ARTEMIS_{name}", raising=False)
        patch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
        import app  # noqa: F401

        yield


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return build(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="session")
def contract(manifest: Manifest) -> Contract:
    return Contract(document(manifest, LOCAL_CLIENT))


@pytest.fixture(scope="session")
def account() -> Iterator[Aws]:
    with Aws() as running:
        yield running


@pytest.fixture
def aws(account: Aws) -> Aws:
    """The AWS account, as if it had just been started."""
    account.faults.clear()
    account.calls.clear()
    account.answers.clear()
    account.endpoints.clear()
    account.latency, account.errors = 0.0, dict(ERRORS)
    return account


@pytest.fixture
def beside() -> Iterator[KServe]:
    """The steady server."""
    with KServe() as running:
        yield running


MakeCloud = Callable[[str], Cloud]


@pytest.fixture
def make_cloud(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeCloud]:
    """``make_cloud("rekognition")``: a provider's cloud, with secrets planted."""
    plant(monkeypatch)
    with ExitStack() as running:
        yield lambda name: running.enter_context((CLOUDS | MORE)[name](aws, tmp_path, monkeypatch))


@pytest.fixture
def cloud(request: pytest.FixtureRequest, make_cloud: MakeCloud) -> Cloud:
    """The cloud of the provider that the test is about."""
    return make_cloud(request.param)


MakeDeciding = Callable[..., Deciding]


@pytest.fixture
def deciding(manifest: Manifest, contract: Contract, beside: KServe, tmp_path: Path) -> Iterator[MakeDeciding]:
    """``deciding(cloud, timeout=0.5)``: a new service, on the test's one database.

    Settings are the provider's; ``chain``, ``fakes`` (name -> instead of a real provider) and ``stage`` the test's.
    """

    stores: list[Store] = []

    def service_of(
        cloud: Cloud,
        chain: list[str] | None = None,
        fakes: dict[str, Any] | None = None,
        stage: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Deciding:
        own = {"attempts": 2, "timeout": 4.0, **cloud.settings, **settings}
        models = {"beside": {"url": f"{beside.url}/plain/models/linear"}}
        content = {
            "deadline": 6,
            "providers": {cloud.capability: chain or cloud.provider, "predict/beside": "beside"},
            "provider_settings": {
                cloud.provider: own,
                "second": own | {"timeout": 4.0},
                "beside": {"models": models, "timeout": 5},
            },
            **(stage or {}),
        }
        url = f"sqlite:///{tmp_path / 'decisions.db'}"
        loaded = load({"ARTEMIS_DATABASE_URL": url}, {"local": content}, manifest.use_cases)
        store, others, fake = Store(url), {**OTHERS, "second": cloud.provider}, fakes or {}
        stores.append(store)
        router = Router(
            loaded.routing, lambda name, own: fake.get(name) or make(others.get(name, name), own), lambda: store
        )
        service = Service(loaded, manifest, Engine(router.models), lambda: store, router.identity)
        return Deciding(InProcess(service, tmp_path / "decisions.db", contract), cloud.kind)

    yield service_of
    for store in stores:
        store.close()


@pytest.fixture(autouse=True)
def everything_said(caplog: pytest.LogCaptureFixture) -> None:
    """The log is read at more than the app's own levels: INFO for "artemis", and Python's WARNING for all others."""
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "artemis")


@pytest.fixture
def check_leaks(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[..., None]:
    """Checks that neither these decisions, nor the log, nor what was printed holds a secret or a piece of the photo."""

    def check(*seen: Seen) -> None:
        printed = capfd.readouterr()
        if any(one.outcome != (200, []) for one in seen):
            assert "artemis" in {record.name for record in caplog.records}  # it was said in the log
        check_nothing_leaks(caplog.text, printed.out, printed.err, *(one.texts() for one in seen))

    return check


@pytest.fixture(scope="session")
def store_manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The use case that pays for two answers."""
    return store_project.built(tmp_path_factory.mktemp("paid"))


@pytest.fixture
def new_shop(store_manifest: Manifest, tmp_path: Path) -> Iterator[Callable[..., store_project.Shop]]:
    """``new_shop(url)``: a new service of that use case on this database, as after a restart."""
    promised = Contract(document(store_manifest, LOCAL_CLIENT))
    with ExitStack() as running:

        def make(url: str, **stage: Any) -> store_project.Shop:
            shop = store_project.make_shop(store_manifest, promised, url, tmp_path / "calls", **stage)
            running.callback(shop.close)
            return shop

        yield make


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What the process has said so far: its log and what it printed."""

    def read() -> str:
        printed = capfd.readouterr()
        return "\n".join([caplog.text, printed.out, printed.err])

    return read


@pytest.fixture
def database(new_postgres: Callable[[], str]) -> str:
    """The URL of a PostgreSQL database."""
    return new_postgres()


@pytest.fixture
def relay(database: str) -> Iterator[PgRelay]:
    """What stands between a service and that database."""
    made = PgRelay(database)
    yield made
    made.close()
