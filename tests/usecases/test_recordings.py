"""Every notebook passes without an account: what staging's managed models answered is recorded, and nothing is missing.

And the same introductions come out whoever of the managed providers answers the model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.calling.routing import Routing
from chalicelib.manifest import Manifest
from chalicelib.recordings import read
from chalicelib.service import LOCAL_CLIENT
from chalicelib.settings import Settings
from tests.emulators import project
from tests.emulators.aws import Aws
from tests.emulators.google_rest import PROJECT, GoogleRest
from tests.workbench.conftest import ROOT, TemporaryProject

MANAGED = ("moderation", "faces", "text", "predict", "embedding", "query")
NAMES = ("content_recommendation", "match_recommendation", "profile_photo_review")
LARGEST = 600_000  # bytes of a file that is committed


def test_each_notebook_passes_from_its_recordings(tmp_path: Path) -> None:
    made = TemporaryProject(tmp_path / "project")
    shutil.copytree(ROOT / "usecases", made.notebooks)
    shutil.copy(ROOT / "requirements.txt", made.root)
    made.stage("recorded", "providers: {" + ", ".join(f"{name}: recorded" for name in MANAGED) + "}\n")
    done = made.artemis("validate", "--all", "--stage", "recorded", "--jobs", "2", "--format", "json")
    outcomes = {outcome["use_case"]: outcome for outcome in json.loads(done.stdout)}
    assert {name: outcome["verdict"] for name, outcome in outcomes.items()} == dict.fromkeys(NAMES, "passed")
    for outcome in outcomes.values():
        assert "not-recorded" not in (made.root / outcome["files"]["ipynb"]).read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_recordings_are_small_and_of_managed_models(name: str) -> None:
    file = ROOT / "usecases" / "recordings" / f"{name}.jsonl"
    assert file.stat().st_size < LARGEST
    recorded = {(one.capability, one.provider) for one in read(file.read_text("utf-8"))}
    asked = {ask.partition("/")[0] for step in Manifest.read().use_cases[name]["steps"] for ask in step.get("asks", ())}
    assert {capability for capability, _ in recorded} == asked
    assert "local" not in {provider for _, provider in recorded}


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Settings of the managed providers, to emulators that answer with the repository's model file."""
    with Aws() as aws, GoogleRest() as google, pytest.MonkeyPatch.context() as patch:
        project.serve(aws, google)
        google.bigquery.train("crm.match_score", trained, modified=1767225600000)
        for name, value in (aws.environment() | google.environment(tmp_path_factory.mktemp("key"))).items():
            patch.setenv(name, value)
        served = {"classes": ["no", "yes"]}
        columns = dict.fromkeys(json.loads(MODEL.read_text("utf-8"))["coefficients"], "FLOAT64")
        trained_model = {"model": "crm.match_score", "label": "liked", "columns": columns}
        yield {
            "local": {},
            "sagemaker": {"endpoint": aws.url, "models": {"match_score": {"endpoint": "match-score", **served}}},
            "vertex_ai": {"endpoint": google.url, "models": {"match_score": {"endpoint_id": "match-score", **served}}},
            "bigquery": {"endpoint": google.url, "project": PROJECT, "models": {"match_score": trained_model}},
        }


MODEL = ROOT / "usecases" / "models" / "match_score.json"


def trained(item: dict[str, Any]) -> dict[str, Any]:
    """A row of ML.PREDICT of a logistic regression whose label is yes or no."""
    from chalicelib.providers.local_files import ModelFiles

    (found,) = ModelFiles(str(MODEL.parent)).get("match_score").predict([item])
    probabilities = [{"label": name, "prob": found.scores[name]} for name in ("yes", "no")]
    return {"predicted_liked": found.value, "predicted_liked_probs": probabilities}


def test_the_same_is_decided_whoever_answers_the_model(
    clouds: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    request = json.dumps(Manifest.read().use_cases["match_recommendation"]["request"]["examples"][0])
    decisions = {}
    for provider, settings in clouds.items():
        content = {"providers": {"predict": provider, "query": "local"}, "provider_settings": {provider: settings}}
        url = f"sqlite:///{tmp_path}/{provider}.db"
        service = bootstrap.build(Settings("local", url, routing=Routing.of(content)), Manifest.read())
        made = json.loads(service.decide(LOCAL_CLIENT, "match-recommendation", request).envelope)
        assert made["degraded"] == [], provider
        decisions[provider] = made["decision"]
    assert decisions["local"]["introductions"]
    assert all(decision == decisions["local"] for decision in decisions.values()), decisions
