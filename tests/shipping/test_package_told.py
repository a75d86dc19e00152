"""The package of a stage where everybody is told of errors: what Slack, Sentry and a collector hear of it on Lambda."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from event_table import JSON

from tests.collectors import Collector
from tests.emulators.server import closed_port
from tests.lambdas import running
from tests.sentries import Sentry
from tests.slacks import Slack
from workbench.deploying.function import gateway_event
from workbench.project import Project
from workbench.shipping.package import package

ROOT = Path(__file__).parent.parent.parent
TOLD = {
    "ARTEMIS_SLACK_WEBHOOK": "{{resolve:ssm:/artemis/staging/slack}}",
    "ARTEMIS_SENTRY_DSN": "{{resolve:ssm:/artemis/staging/sentry}}",
    "ARTEMIS_OTLP_ENDPOINT": "https://collector.example/v1/traces",
}


@pytest.fixture
def task(needs_runtime: None, copied: Project) -> Path:
    """The package's files, as Lambda lays them out."""
    path = copied.root / ".chalice" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    config["stages"]["staging"]["environment_variables"] |= TOLD
    path.write_text(json.dumps(config), "utf-8")
    (copied.root / ".artemis").mkdir(exist_ok=True)
    (copied.root / ".artemis" / "environments").symlink_to(ROOT / ".artemis" / "environments")
    packed = package(copied, "staging")
    folder = copied.root / "lambda" / "task"
    zipfile.ZipFile(packed.archive).extractall(folder)
    return folder


def test_a_decision_that_fails_is_heard_of_everywhere_before_the_process_freezes(
    task: Path, variables: dict[str, str]
) -> None:
    path, pattern = "/v1/use-cases/profile-photo-review/decisions", "/v1/use-cases/{name}/decisions"
    body = json.dumps({"user_id": "member-4711", "photo": {"s3": "s3://member-photos/portrait.jpg"}})
    event = gateway_event("POST", path, JSON, body, pattern, {"name": "profile-photo-review"})
    endpoints = {**json.loads(variables["ARTEMIS_ENDPOINTS"]), "rekognition": closed_port()}
    with Slack() as slack, Sentry() as sentry, Collector() as collector:
        own = {
            "ARTEMIS_ENDPOINTS": json.dumps(endpoints),
            "ARTEMIS_SLACK_WEBHOOK": slack.hook,
            "ARTEMIS_SENTRY_DSN": sentry.dsn,
            "ARTEMIS_OTLP_ENDPOINT": collector.endpoint,
        }
        with running(ROOT, task, "3.13", {**variables, **own}) as api:
            kind, answer = api.invoke(event)
            heard = [len(slack.posted), len(sentry.items("event")), len(collector.spans) > 1]

    assert (kind, answer["statusCode"]) == ("response", 502), answer
    assert heard == [1, 1, True]
    assert "a decision failed: task failed: " in slack.posted[0]["text"]
    assert "member-4711" not in str(slack.posted) + str(sentry.raw) + str(collector.spans)
