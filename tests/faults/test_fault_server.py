"""The service in a process of its own, over HTTP: the statuses are what a client sees, the log is what it writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults_clouds import AWS_KEYS, MARKER, plant
from faults_project import write
from faults_seen import check_nothing_leaks, request

from tests.api.api_client import OverSocket, stored
from tests.api.api_server import copy_runtime, serving
from tests.emulators.aws import REGION, Aws
from tests.emulators.faults import Delay, Status, WrongSchema
from tests.emulators.kserve import KServe
from tests.emulators.server import closed_port

STAGE = f"""
deadline: 2
providers: {{moderation: rekognition, predict/asked: vertex_ai, query: bigquery, predict/beside: http}}
provider_settings:
  rekognition: {{region: {REGION}, attempts: 2, timeout: 20, breaker: {{failures: 99}}}}
  vertex_ai: {{models: {{asked: {{endpoint_id: "111"}}}}}}
  http: {{models: {{beside: {{url: "https://models.example/plain/models/linear"}}}}}}
"""


@dataclass
class Served:
    """A running server and the cloud behind it."""

    wire: OverSocket
    log: Path
    aws: Aws
    beside: KServe


@pytest.fixture(scope="module")
def served(account: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root, folder = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("server")
    copy_runtime(root)
    write(root, STAGE)
    database = folder / "decisions.db"
    with KServe() as beside, pytest.MonkeyPatch.context() as patch:
        plant(patch)
        nobody = closed_port()
        endpoints = {"rekognition": account.url, "http": beside.url, "vertex_ai": nobody, "bigquery": nobody}
        environment = {**AWS_KEYS, "ARTEMIS_ENDPOINTS": json.dumps(endpoints), "ARTEMIS_LOG_LEVEL": "DEBUG"}
        with serving(root, folder, database, **environment) as server:
            wire = OverSocket(server.url, database)
            yield Served(wire, server.log, account, beside)
            wire.http.close()


@pytest.mark.parametrize(
    ("fault", "status", "problem", "code"),
    [
        (Status(401), 502, "task-failed", "credentials"),
        (Status(500), 502, "task-failed", "server-error"),
        (WrongSchema(), 502, "task-failed", "bad-answer"),
        (Delay(20), 504, "task-timeout", "timeout"),
    ],
    ids=["expired", "failing", "wrong-schema", "late"],
)
def test_a_client_sees_the_status_and_neither_it_nor_the_log_sees_more(
    aws: Aws, served: Served, fault: Any, status: int, problem: str, code: str
) -> None:
    aws.faults.always(fault)
    asked = len(served.beside.calls)
    needed, optional = (served.wire.decide(f"moderation-{use}", request()) for use in ("needed", "optional"))
    body = needed.problem(status, problem)
    assert (body["step"], MARKER in needed.content.decode()) == ("asked", False)
    assert (optional.status, optional.json["degraded"]) == (200, [{"task": "asked", "error": code}])
    rows = [stored(served.wire.database, identifier) for identifier in (body["decision_id"], optional.json["id"])]
    for _, facts in rows:
        trouble, beside = facts
        assert (json.loads(trouble["calls"])[0]["error"], beside["output"]) == (code, "1.0")
        assert json.loads(beside["calls"])[0]["provider"] == "http"
    assert len(served.beside.calls) == asked + 2
    log = served.log.read_text()
    assert body["decision_id"] in log and optional.json["id"] in log
    check_nothing_leaks(log, needed.content.decode(), optional.content.decode(), repr(rows))
