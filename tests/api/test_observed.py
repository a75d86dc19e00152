"""What is told of decisions: structured logs, CloudWatch's metrics in them, Prometheus' metrics."""

from __future__ import annotations

import json
import logging
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from api_client import InProcess, MakeApi
from api_server import serving

from chalicelib.asking import Call
from chalicelib.emf import embedded
from chalicelib.logs import Formatter, configure, log_decision
from chalicelib.observed import Observed
from chalicelib.request_id import REQUEST_ID

DECIDE = "/v1/use-cases/refund-check/decisions"


def post(url: str, body: Any) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def seen(**changes: Any) -> Observed:
    calls = [
        Call("moderation", "rekognition", "m", "7", 12.5),
        Call("text", "google_vision", "m", "1", 3.0, error="timeout"),
        Call("text", "rekognition", "m", "3", 9.0, reused_from="another"),
    ]
    about: dict[str, Any] = {
        "id": "0193",
        "use_case": "profile_photo_review",
        "version": "9f2c",
        "stage": "staging",
        "client": "backend",
        "status": "decided",
        "outcome": "review",
        "failure": None,
        "duration_ms": 40.5,
        "spans": {"moderation": (100.0, 100.0126), "nudity": (100.0126, 100.0127)},
        "by_step": {"moderation": calls[:1], "text": calls[1:]},
        "degraded": 1,
        "cost": 0.002,
    }
    return Observed(**{**about, **changes})


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_server_logs_each_decision_as_one_line_and_counts_it(served_project: Path, tmp_path: Path) -> None:
    arguments = ["--log-format", "json", "--metrics-port", "0", "--workers", "2"]
    with serving(served_project, tmp_path, tmp_path / "x.db", arguments) as server:
        assert server.process.stdout
        answers = [post(server.url + DECIDE, {"user_id": "u-1", "amount": amount}) for amount in (5, 5, 5000)]
        metrics_url = re.search(r"http://\S+/metrics", server.announced)
        assert metrics_url
        with urllib.request.urlopen(metrics_url[0]) as answer:
            metrics = answer.read().decode()
        server.process.terminate()
        logged = lines(server.process.stdout.read())

    assert [status for status, _ in answers] == [200, 200, 200]
    decided = [line for line in logged if line["logger"] == "artemis.decisions"]
    assert {line["decision_id"] for line in decided} == {body["id"] for _, body in answers}
    assert all(line["request_id"] and line["use_case"] == "refund_check" and line["steps"] for line in decided)
    assert "_aws" not in decided[0]
    counted = re.findall(
        r'artemis_decisions_total\{outcome="(\w+)",stage="local",status="decided",use_case="refund_check"\} (\S+)',
        metrics,
    )
    assert sum(float(count) for _, count in counted) == 3
    assert {outcome for outcome, _ in counted} == {body["decision"]["outcome"] for _, body in answers}
    assert 'artemis_decision_seconds_count{stage="local",use_case="refund_check"} 3.0' in metrics
    assert "artemis_step_seconds_bucket" in metrics


def test_the_line_of_a_decision_is_there_whoever_else_is_told(served_project: Path, tmp_path: Path) -> None:
    nowhere = {
        "ARTEMIS_SENTRY_DSN": "http://key@127.0.0.1:9/1",
        "ARTEMIS_OTLP_ENDPOINT": "http://127.0.0.1:9/v1/traces",
    }
    with serving(served_project, tmp_path, tmp_path / "x.db", ["--log-format", "json"], **nowhere) as server:
        assert server.process.stdout
        _, body = post(server.url + DECIDE, {"user_id": "u-1", "amount": 5})
        server.process.terminate()
        logged = lines(server.process.stdout.read())

    assert [line["decision_id"] for line in logged if line["logger"] == "artemis.decisions"] == [body["id"]]


def test_a_line_is_json_with_korean_and_the_request(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("artemis", logging.WARNING, __file__, 1, "사진 %s", ("검토",), None)
    token = REQUEST_ID.set("r-1")
    try:
        line = json.loads(Formatter("staging").format(record))
    finally:
        REQUEST_ID.reset(token)

    assert (line["message"], line["level"], line["logger"]) == ("사진 검토", "WARNING", "artemis")
    assert (line["stage"], line["request_id"]) == ("staging", "r-1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


def test_a_traceback_is_one_text_of_one_line() -> None:
    try:
        raise ValueError("가")
    except ValueError as error:
        record = logging.LogRecord(
            "artemis", logging.ERROR, __file__, 1, "it failed", (), (ValueError, error, error.__traceback__)
        )
    text = Formatter("staging").format(record)

    assert "\n" not in text
    assert "ValueError: 가" in json.loads(text)["traceback"]


def test_metrics_in_a_line_are_as_cloudwatch_reads_them() -> None:
    line = embedded(seen())

    directives = line["_aws"]["CloudWatchMetrics"]
    for directive in directives:
        assert directive["Namespace"] == "Artemis" and len(directive["Metrics"]) <= 100
        for dimensions in directive["Dimensions"]:
            assert all(isinstance(line[name], str) for name in dimensions)
        for metric in directive["Metrics"]:
            assert isinstance(line[metric["Name"]], int | float)
    values = {
        name: line[name] for name in ("Decisions", "Degraded", "Failed", "Calls", "ReusedCalls", "ProviderErrors")
    }
    assert values == {"Decisions": 1, "Degraded": 1, "Failed": 0, "Calls": 3, "ReusedCalls": 1, "ProviderErrors": 1}
    assert line["ProviderErrors/google_vision"] == 1
    assert (line["Step/moderation"], line["Cost"], line["Outcome"]) == (12.6, 0.002, "review")


def test_a_failed_decision_counts_as_one_without_an_outcome() -> None:
    line = embedded(seen(status="failed", outcome=None, failure="task-failed"))

    assert (line["Failed"], line["Outcome"]) == (1, "failed")


def test_what_cannot_be_counted_is_decided_all_the_same(make_api: MakeApi, caplog: pytest.LogCaptureFixture) -> None:
    api: InProcess = make_api()
    api.service.observers = (lambda _: 1 / 0,)

    answer = api.decide("refund-check", {"user_id": "u-1", "amount": 5})

    assert answer.status == 200
    assert "is stored, and could not be counted" in caplog.text


def test_nothing_that_was_asked_is_told(make_api: MakeApi) -> None:
    told: list[Observed] = []
    api: InProcess = make_api()
    api.service.observers = (told.append,)

    api.decide("refund-check", {"user_id": "u-4711", "amount": 4711})

    assert len(told) == 1
    assert "4711" not in repr(told[0])


def test_decisions_are_logged_whatever_the_level_of_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    artemis = logging.getLogger("artemis")
    before, levels = root.handlers[:], (root.level, artemis.level)
    root.handlers[:] = []
    artemis.setLevel("ERROR")  # as the service does
    try:
        configure("staging", "ERROR")
        log_decision(with_metrics=True)(seen())
        artemis.warning("not this")
    finally:
        root.handlers[:] = before
        root.setLevel(levels[0])
        artemis.setLevel(levels[1])
        logging.getLogger("artemis.decisions").setLevel(logging.NOTSET)
    (line,) = lines(capsys.readouterr().out)

    assert (line["message"], line["decision_id"], line["_aws"]["CloudWatchMetrics"][0]["Namespace"]) == (
        "decided",
        "0193",
        "Artemis",
    )
