"""`artemis serve --emulators`: the staging stage without any account, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import endpoints
from workbench.emulators import Emulators, NoEmulators, emulating
from workbench.project import Project
from workbench.trial import configured, first_request, stored, trial, with_photos

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "testing", "ARTEMIS_ENDPOINTS": "{}"}
ATTEMPTS = 4  # a busy machine loads models and connects more slowly than a task may take
RUNNING = Emulators(VARIABLES, ["AWS"])


def test_it_serves_staging_and_the_request_that_it_shows_is_decided(tmp_path: Path) -> None:
    settings = {"ARTEMIS_DATABASE_URL": f"sqlite:///{tmp_path / 'trial.db'}", "AWS_SECRET_ACCESS_KEY": "real"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARTEMIS_", "AWS_"))}
    command = [sys.executable, "-m", "workbench", "serve", "--stage", "staging", "--emulators", "--port", "0"]
    server = subprocess.Popen(
        command, cwd=ROOT, env={**kept, **settings, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
    )
    try:
        shown = "".join(_until_the_request(server))
        request = shown.partition("\n\n")[2].strip()
        for _ in range(ATTEMPTS):
            answer = json.loads(subprocess.check_output(f"{request} --max-time 60", shell=True, cwd=ROOT, text=True))
            if answer["status"] == "decided" and not answer["degraded"]:
                break
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    assert answer["decision"]["outcome"] == "approve" and answer["degraded"] == [], answer
    assert "no real account is used" in shown and "the database of ARTEMIS_DATABASE_URL" in shown


def _until_the_request(server: subprocess.Popen[str]) -> Iterator[str]:
    assert server.stdout is not None
    for line in server.stdout:
        yield line
        if re.search(r" -d \S+.*[^\\]$", line.rstrip()):
            return


def test_nothing_of_a_real_account_is_left_in_the_environment() -> None:
    outer = {
        "PATH": "/bin",
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "secret",
        "AWS_ENDPOINT_URL_S3": "https://real.example",
        "GOOGLE_APPLICATION_CREDENTIALS": "/real.json",
        "CLOUDSDK_CONFIG": "/real",
        "HTTPS_PROXY": "http://proxy.example",
    }
    made = RUNNING.environment(outer)
    assert made["PATH"] == "/bin" and made["AWS_ACCESS_KEY_ID"] == "testing"
    assert not {"secret", "production", "/real.json", "/real", "https://real.example"} & set(made.values())
    assert made["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull and "127.0.0.1" in made["NO_PROXY"]


def test_a_key_is_made_where_the_stage_needs_one_and_the_environment_has_none() -> None:
    made = trial(RUNNING, {"ARTEMIS_STAGE": "staging"})
    assert made.key and made.environment["ARTEMIS_API_KEYS"] == configured(made.key)
    assert made.key not in made.environment["ARTEMIS_API_KEYS"]
    own = trial(RUNNING, {"ARTEMIS_STAGE": "staging", "ARTEMIS_API_KEYS": "{}"})
    assert (own.key, own.environment["ARTEMIS_API_KEYS"]) == (None, "{}")
    assert trial(RUNNING, {}).key is None  # local: nobody needs one


def test_emulated_answers_do_not_get_into_productions_database() -> None:
    assert trial(RUNNING, {"ARTEMIS_STAGE": "production"}).environment["ARTEMIS_DATABASE_URL"].startswith("sqlite:")
    with pytest.raises(NoEmulators, match="production's database"):
        trial(RUNNING, {"ARTEMIS_STAGE": "production", "ARTEMIS_DATABASE_URL": "postgresql://db/artemis"})


def test_endpoints_that_are_given_on_this_machine_win_and_it_is_said() -> None:
    emulators = Emulators(
        {"ARTEMIS_ENDPOINTS": '{"http": "http://127.0.0.1:1", "rekognition": "http://127.0.0.1:2"}'}, []
    )
    given = {"rekognition": "http://localhost:9", "sagemaker": "https://real.example"}
    made = trial(emulators, {"ARTEMIS_ENDPOINTS": json.dumps(given)})
    assert endpoints(made.environment) == {"http": "http://127.0.0.1:1", "rekognition": "http://localhost:9"}
    assert made.about == [
        "given   rekognition is at http://localhost:9, by ARTEMIS_ENDPOINTS",
        "not     ARTEMIS_ENDPOINTS of sagemaker: not on this machine",
    ]
    with pytest.raises(NoEmulators, match="no provider is named 'rekogniton'"):
        trial(emulators, {"ARTEMIS_ENDPOINTS": '{"rekogniton": "http://127.0.0.1:9"}'})


def test_the_request_that_is_shown_is_of_a_use_case_that_the_stage_answers_best_with_a_photo(
    project: Any, sound: Any
) -> None:
    example = 'model_config = {"json_schema_extra": {"examples": [%s]}}\n    user_id: Subject'
    with_photo = example % '{"user_id": "u", "photo": {"sample": "a.jpg"}}'
    without = example % '{"user_id": "u", "photo": {"base64": "aaaa"}}'
    for name, shown in (("anchor", with_photo), ("beacon", without), ("castle", with_photo)):
        models = sound.source("models").replace("user_id: Subject", shown)
        asked = {"tasks": sound.source("tasks").replace("models.faces", "models.labels")} if name == "anchor" else {}
        project.notebook(name, sound(models=models, **asked))
    project.stage("staging", "providers: {faces: rekognition}\nphotos: {buckets: [member-photos]}\n")
    project.stage("bare", "providers: {text: rekognition}\n")
    assert not project.build().failed
    shown = first_request(project, "staging", "http://here", None)
    assert shown and shown.startswith("curl -s http://here/v1/use-cases/castle/")
    assert "s3://member-photos/a.jpg" in shown
    (project.notebooks / "castle.ipynb").unlink()
    shown = first_request(project, "staging", "http://here", None)
    assert shown and shown.startswith("curl -s http://here/v1/use-cases/beacon/")
    assert first_request(project, "bare", "http://here", None) is None


def test_samples_in_a_request_become_photos_of_the_bucket() -> None:
    request = {"user_id": "u-1", "photos": [{"sample": "a.jpg"}, {"base64": "…"}], "sample": "no photo"}
    replaced = with_photos(request, stored)
    assert replaced == {**request, "photos": [{"s3": "s3://member-photos/a.jpg"}, {"base64": "…"}]}


def test_without_a_checkout_it_says_where_the_emulators_are(tmp_path: Path) -> None:
    with pytest.raises(NoEmulators, match="in a checkout of Artemis only"), emulating(Project(tmp_path)):
        pytest.fail("started")


def test_emulators_that_cannot_start_say_what_they_need(tmp_path: Path) -> None:
    package = tmp_path / "tests" / "emulators"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("raise SystemExit('no moto')")
    with pytest.raises(NoEmulators, match='extra "dev"'), emulating(Project(tmp_path)):
        pytest.fail("started")
