"""Each version that decided is stored once with all it takes to run it again."""

from __future__ import annotations

import base64
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic
import pytest
from sqlalchemy import select

from chalicelib import bootstrap, runtime
from chalicelib.asking import Answer
from chalicelib.calling.router import Router
from chalicelib.engine import Engine
from chalicelib.manifest import Manifest
from chalicelib.models import Box, Face, Moderation
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import load
from chalicelib.store.tables import use_case_versions
from chalicelib.usecase import Source
from chalicelib.usecase import load as load_use_case

ROOT = Path(__file__).resolve().parents[2]
PHOTO = {"base64": base64.b64encode((ROOT / "usecases/samples/portrait.jpg").read_bytes()).decode()}


class Fake:
    """Sees one face in everything, and nothing else."""

    def moderation(self, photo: Any, asking: Any) -> Answer:
        return Answer(Moderation(scores={"nudity": 0.6}), "fake", "1")

    def faces(self, photo: Any, asking: Any) -> Answer:
        box = Box(left=0.2, top=0.2, width=0.5, height=0.5)
        return Answer([Face(box=box, confidence=0.99)], "fake", "1")

    def text(self, photo: Any, asking: Any) -> Answer:
        return Answer([], "fake", "1")


def service_on(url: str) -> Service:
    manifest = Manifest.read()
    service = bootstrap.build(load({"ARTEMIS_DATABASE_URL": url}, manifest.stages, manifest.use_cases), manifest)
    service.engine = Engine(Router.to(Fake()).models)
    return service


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    made = service_on(database_url)
    yield made
    made.store().close()


def decide(service: Service) -> dict[str, Any]:
    body = json.dumps({"user_id": "회원-7", "photo": PHOTO})
    made: dict[str, Any] = json.loads(service.decide(LOCAL_CLIENT, "profile_photo_review", body).envelope)
    return made


def stored(service: Service) -> list[dict[str, Any]]:
    with service.store().database.read() as connection:
        return [dict(row) for row in connection.execute(select(use_case_versions)).mappings()]


def test_a_version_is_stored_with_its_first_decision_and_not_again(service: Service) -> None:
    made = [decide(service) for _ in range(3)]
    (row,) = stored(service)
    assert {one["version"] for one in made} == {row["version"]}
    assert row["python"].endswith(platform.python_version())
    assert json.loads(row["packages"])["pydantic"] == pydantic.VERSION
    assert row["notebook"] == "usecases/profile_photo_review.ipynb"
    assert row["contract"] == 1


def test_another_process_adds_nothing_for_the_same_version_and_runtime(database_url: str) -> None:
    for _ in range(2):
        one = service_on(database_url)
        decide(one)
        rows = stored(one)
        one.store().close()
        bootstrap._store.cache_clear()
    assert len(rows) == 1


def test_the_same_version_in_another_runtime_is_a_row_of_its_own(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = runtime.runtime()
    for digest in (here.digest, "0" * 16):
        monkeypatch.setattr(runtime, "runtime", lambda digest=digest: runtime.Runtime(here.python, {}, digest))
        one = service_on(database_url)
        decide(one)
        rows = stored(one)
        one.store().close()
        bootstrap._store.cache_clear()
    assert {row["runtime"] for row in rows} == {here.digest, "0" * 16}
    assert len({row["version"] for row in rows}) == 1


def test_what_is_stored_runs_again_and_is_the_same_version(service: Service, tmp_path: Path) -> None:
    decide(service)
    (row,) = stored(service)
    path = tmp_path / "profile_photo_review.py"
    path.write_text(row["module"], "utf-8")
    source = json.loads(row["source"])
    again = load_use_case(
        row["use_case"],
        path,
        json.loads(row["parameters"]),
        Source(row["notebook"], tuple(tuple(cell) for cell in source["cells"]), source["tasks"]),
    )
    loaded = service.use_case(LOCAL_CLIENT, "profile_photo_review")
    assert (again.version, again.fingerprints) == (row["version"], loaded.fingerprints)


def test_the_revision_is_that_of_the_checkout_or_as_told(tmp_path: Path) -> None:
    code = "from chalicelib.runtime import revision; print(revision())"
    run = {"cwd": ROOT, "capture_output": True, "text": True, "check": True}
    told = subprocess.run([sys.executable, "-c", code], **run, env={"ARTEMIS_REVISION": "v1.2"})  # type: ignore[call-overload]
    assert told.stdout == "v1.2\n"
    head = subprocess.run(["git", "rev-parse", "HEAD"], **run).stdout  # type: ignore[call-overload]
    found = subprocess.run([sys.executable, "-c", code], **run, env={})  # type: ignore[call-overload]
    assert found.stdout == (head if (ROOT / ".git").is_dir() else "None\n")  # a linked worktree is not followed
