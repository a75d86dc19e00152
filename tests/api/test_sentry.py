"""What Sentry is sent, taken in by a server of ours as sentry-sdk really sends it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_lambda import status_on_lambda
from api_server import Server, serving
from api_trouble import SECRET

from chalicelib.errors import SettingsError
from chalicelib.settings import load
from tests.sentries import Sentry
from workbench.deploying.function import gateway_event

PERSON = "member-4711"


@pytest.fixture(scope="module")
def reports() -> Iterator[Sentry]:
    with Sentry() as running:
        yield running


@pytest.fixture(scope="module")
def reporting(served_project: Path, reports: Sentry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("reporting")
    own = {"ARTEMIS_SENTRY_DSN": reports.dsn, "ARTEMIS_SENTRY_TRACES": "1", "ARTEMIS_REVISION": "abc1234"}
    with serving(served_project, folder, folder / "x.db", **own) as server:
        yield server


def decide(server: Server, use_case: str, **request: Any) -> tuple[int, dict[str, Any]]:
    url = f"{server.url}/v1/use-cases/{use_case}/decisions?token=in-the-query"
    headers = {"Content-Type": "application/json", "Authorization": "Bearer in-the-header", "Cookie": "in=the-cookie"}
    asked = urllib.request.Request(url, json.dumps({"user_id": PERSON, **request}).encode(), headers)
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_failed_decision_is_an_event_with_its_place_in_the_notebook(reporting: Server, reports: Sentry) -> None:
    status, problem = decide(reporting, "trouble", mode="logic-raises")
    assert status == 500, problem

    (event,) = [one for one in reports.wait("event") if one["tags"].get("step") == problem["step"]]
    assert event["tags"]["use_case"] == "trouble" and event["tags"]["notebook"] == "usecases/trouble.ipynb"
    assert (event["tags"]["cell"], event["tags"]["line"]) == (str(problem["cell"]), str(problem["line"]))
    assert event["release"].startswith("artemis@") and event["release"].endswith("+abc1234")
    assert (event["environment"], event["tags"]["stage"]) == ("local", "local")
    assert event["transaction"] == "POST /v1/use-cases/{name}/decisions"
    assert event["contexts"]["decision"]["id"] == problem["decision_id"]
    (exception,) = event["exception"]["values"]
    frame = exception["stacktrace"]["frames"][-1]
    assert (exception["type"], frame["filename"]) == ("RuntimeError", "usecases/trouble.ipynb")
    assert "raise RuntimeError(SECRET)" in frame["context_line"]
    assert "vars" not in frame


def test_a_request_is_a_transaction_named_by_its_route_with_a_span_a_step(reporting: Server, reports: Sentry) -> None:
    before = len(reports.items("transaction"))
    assert decide(reporting, "refund-check", amount=5)[0] == 200

    transaction = reports.wait("transaction", before + 1)[-1]
    assert transaction["transaction"] == "POST /v1/use-cases/{name}/decisions"
    spans = {span["description"]: span for span in transaction["spans"]}
    assert {"item_count", "profile", "decide"} <= spans.keys()
    for span in spans.values():
        assert (
            transaction["start_timestamp"] <= span["start_timestamp"] <= span["timestamp"] <= transaction["timestamp"]
        )


def test_nothing_that_was_asked_is_sent(reporting: Server, reports: Sentry) -> None:
    before = len(reports.items("event"))
    decide(reporting, "trouble", mode="logic-raises")
    reports.wait("event", before + 1)

    sent = "".join(reports.raw)
    for text in (PERSON, SECRET, "in-the-query", "in-the-header", "the-cookie"):
        assert text not in sent, text


def test_on_lambda_everything_is_sent_before_the_answer(served_project: Path, tmp_path: Path) -> None:
    path = "/v1/use-cases/{name}/decisions"
    body = json.dumps({"user_id": PERSON, "mode": "logic-raises"})
    asked, names = path.replace("{name}", "trouble"), {"name": "trouble"}
    event = gateway_event("POST", asked, {"Content-Type": "application/json"}, body, path, names)
    with Sentry() as reports:
        own = {"ARTEMIS_SENTRY_DSN": reports.dsn, "ARTEMIS_SENTRY_TRACES": "1"}
        url = f"sqlite:///{tmp_path / 'x.db'}"
        status = status_on_lambda(served_project, event, ARTEMIS_DATABASE_URL=url, **own)
        events, transactions = reports.items("event"), reports.items("transaction")

    assert status == 500
    assert [one["transaction"] for one in (*events, *transactions)] == ["POST /v1/use-cases/{name}/decisions"] * 2
    assert PERSON not in "".join(reports.raw)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DSN", "sentry.example"),
        ("DSN", "https://sentry.example/1"),
        ("DSN", "http://key@sentry.example/1"),
        ("TRACES", "2"),
        ("TRACES", "much"),
    ],
)
def test_a_wrong_setting_stops_the_start_without_repeating_the_key(name: str, value: str) -> None:
    given = {"ARTEMIS_SENTRY_DSN": "https://key@sentry.example/1", f"ARTEMIS_SENTRY_{name}": value}

    with pytest.raises(SettingsError) as caught:
        load(given, {"local": {}}, [])
    assert f"ARTEMIS_SENTRY_{name}" in str(caught.value)
    assert "key@" not in str(caught.value)
