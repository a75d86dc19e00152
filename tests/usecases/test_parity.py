"""What a notebook decides, its built module decides: the same requests through both."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from chalicelib import bootstrap
from chalicelib.engine import Engine
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import load

SAMPLES = ["portrait.jpg", "landscape.jpg", "contact.jpg", "two_people.jpg", "dark.jpg", "dim_and_distant.jpg"]
ASK = """
import json
from workbench import run
asked = {{name: Request(user_id="u-1", photo=Photo.sample(name)) for name in {names}}}
print(json.dumps({{name: run(request).model_dump(mode="json") for name, request in asked.items()}}))
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'parity.db'}"
    manifest = Manifest.read()
    return bootstrap.build(load({"ARTEMIS_DATABASE_URL": url}, manifest.stages, manifest.use_cases), manifest)


def in_notebook(root: Path, names: list[str]) -> dict[str, object]:
    """Every cell of the notebook in a real kernel, and one more that asks."""
    path = root / "usecases" / "profile_photo_review.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(ASK.format(names=names)))
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    found: dict[str, object] = json.loads(notebook.cells[-1].outputs[0].text)
    return found


def test_the_notebook_and_its_module_decide_the_same(service: Service, pytestconfig: pytest.Config) -> None:
    live = in_notebook(pytestconfig.rootpath, SAMPLES)
    built = {}
    for name in SAMPLES:
        body = json.dumps({"user_id": "u-1", "photo": {"sample": name}})
        made = service.decide(LOCAL_CLIENT, "profile-photo-review", body)
        built[name] = json.loads(made.envelope)["decision"]
    assert live == built
    assert {decision["outcome"] for decision in built.values()} == {"approve", "review", "reject"}


def test_without_moderation_a_good_portrait_is_reviewed_not_approved(service: Service) -> None:
    """A fallback is never an approval in silence: the provider is taken away and the answer says so."""
    routing = service.settings.routing
    providers = {name: chain for name, chain in routing.providers.items() if name != "moderation"}
    engine: Engine = bootstrap.engine(replace(routing, providers=providers))
    degraded = Service(service.settings, service.manifest, engine, service.store)
    body = json.dumps({"user_id": "u-1", "photo": {"sample": "portrait.jpg"}})
    made = json.loads(degraded.decide(LOCAL_CLIENT, "profile-photo-review", body).envelope)
    assert made["decision"]["outcome"] == "review"
    assert "moderation_unavailable" in made["decision"]["reasons"]
    assert made["degraded"] == [{"task": "moderation", "error": "not-configured"}]
