"""OpenTelemetry's traces, taken in by a collector of ours as the exporter really sends them."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_server import ROOT, Server, environment, serving

from chalicelib.asking import Call
from chalicelib.errors import SettingsError
from chalicelib.settings import load
from tests.collectors import Collector

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def traced(served_project: Path, collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("traced")
    own = {"ARTEMIS_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with serving(served_project, folder, folder / "x.db", **own) as server:
        yield server


def test_a_request_is_a_span_in_the_callers_trace_with_its_steps(traced: Server, collector: Collector) -> None:
    headers = {"Content-Type": "application/json", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    body = json.dumps({"user_id": "member-4711", "amount": 5}).encode()
    asked = urllib.request.Request(f"{traced.url}/v1/use-cases/refund-check/decisions", body, headers)
    with urllib.request.urlopen(asked) as answer:
        envelope = json.loads(answer.read())

    whole = collector.wait("POST /v1/use-cases/{name}/decisions")
    assert (whole.trace_id.hex(), whole.parent_span_id.hex()) == (TRACE, PARENT)
    attributes = {one.key: one.value.string_value or one.value.int_value for one in whole.attributes}
    assert attributes["artemis.decision_id"] == envelope["id"]
    assert (attributes["http.route"], attributes["http.response.status_code"]) == (
        "/v1/use-cases/{name}/decisions",
        200,
    )
    steps = {span.name: span for span in collector.spans if span.parent_span_id == whole.span_id}
    assert {"item_count", "profile", "decide"} <= steps.keys()
    for step in steps.values():
        assert (
            whole.start_time_unix_nano
            <= step.start_time_unix_nano
            <= step.end_time_unix_nano
            <= whole.end_time_unix_nano
        )
    assert "member-4711" not in str(collector.spans)


def test_a_question_to_a_provider_is_a_span_inside_its_step(collector: Collector) -> None:
    code = f"""
from chalicelib.tracing import Tracing
from chalicelib.asking import Call
from chalicelib.observed import Observed
failed = Call("text", "google_vision", "m", "1", 30.0, error="timeout", began=10.0)
calls, spans = [failed, Call("text", "rekognition", "m", "3", 5.0, began=10.03)], {{"text": (1000.0, 1000.1)}}
about = ("0193", "photo", "9f", "local", "c", "decided", "review", None, 50.0)
seen = Observed(*about, spans, {{"text": calls}}, 1, 0.0, 990.0)
tracing = Tracing({collector.endpoint!r}, "local", "1")
tracing.trace(seen)
tracing._provider.shutdown()
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env=environment())

    step, failed = collector.wait("text"), collector.wait("text by google_vision")
    assert failed.parent_span_id == step.span_id
    assert failed.end_time_unix_nano - failed.start_time_unix_nano == pytest.approx(30_000_000, abs=1000)
    assert {one.key: one.value.string_value for one in failed.attributes}["error.type"] == "timeout"
    assert (
        step.start_time_unix_nano
        <= collector.wait("text by rekognition").start_time_unix_nano
        <= step.end_time_unix_nano
    )


def test_nothing_of_it_is_imported_where_no_endpoint_is_configured(served_project: Path, tmp_path: Path) -> None:
    heavy = ("opentelemetry", "sentry_sdk", "prometheus_client", "pythonjsonlogger")
    code = f"import sys, app; print([name for name in sys.modules if name.startswith({heavy})])"
    variables = environment(ARTEMIS_DATABASE_URL=f"sqlite:///{tmp_path / 'x.db'}")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=served_project, env=variables, capture_output=True, text=True
    )

    assert done.stdout.strip() == "[]", done.stderr


def test_when_a_call_began_is_not_stored() -> None:
    assert "began" not in Call("text", "local", "m", "1", 1.0, began=5.0).as_dict()


def test_a_wrong_endpoint_stops_the_start() -> None:
    with pytest.raises(SettingsError, match="ARTEMIS_OTLP_ENDPOINT: give an https URL"):
        load({"ARTEMIS_OTLP_ENDPOINT": "http://collector.example:4318"}, {"local": {}}, [])
