"""What a channel hears of a running service: once, from whichever process, and nothing of what was asked."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from api_lambda import status_on_lambda
from api_server import Server, environment, serving
from api_trouble import SECRET

from chalicelib import slack as slacks
from chalicelib.alerts import Alert, Alerts, Listener
from chalicelib.errors import SettingsError
from chalicelib.reporting import _told_before_the_freeze, flush
from chalicelib.settings import load
from chalicelib.store import Store
from chalicelib.watching import Shift
from tests.slacks import Slack
from workbench.deploying.function import gateway_event

PERSON = "member-4711"


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as running:
        yield running


def decide(server: Server, mode: str) -> int:
    body = json.dumps({"user_id": PERSON, "mode": mode}).encode()
    url, headers = f"{server.url}/v1/use-cases/trouble/decisions", {"Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_of_failures_of_one_step_the_first_is_told_by_one_process(
    served_project: Path, slack: Slack, tmp_path: Path
) -> None:
    own = {"ARTEMIS_SLACK_WEBHOOK": slack.hook}
    with (
        serving(served_project, tmp_path, tmp_path / "x.db", **own) as one,
        serving(served_project, tmp_path, tmp_path / "x.db", **own) as other,
    ):
        assert [decide(server, "logic-raises") for server in (one, other, one, other)] == [500] * 4
        first = slack.texts(1)
        assert decide(other, "decide-raises") == 500
        told = slack.texts(2)

    assert len(told) == 2 and told[0] == first[0]
    assert "Artemis on local: a decision failed: " in told[0] and "usecases/trouble.ipynb, cell" in told[0]
    assert "RuntimeError. The first: " in told[0]
    assert PERSON not in str(slack.posted) and SECRET not in str(slack.posted)


@contextmanager
def listening(post: Callable[[Any], str | None], store: Callable[[], Any]) -> Iterator[Alerts]:
    alerts, logger = Alerts(post, "production", store), logging.getLogger("artemis")
    listener, level = Listener(alerts, 0.15), logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    try:
        yield alerts
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'alerts.db'}")
    yield made
    made.close()


def posting(slack: Slack) -> Callable[[Any], str | None]:
    return lambda message: slacks.post(slack.hook, message, 1)


def test_models_that_change_and_outcomes_that_shift_are_told(slack: Slack, store: Store) -> None:
    with listening(posting(slack), lambda: store) as alerts:
        log = logging.getLogger("artemis")
        for _ in range(3):
            log.warning("model_changed: %s by %s: %s -> %s", "moderation", "rekognition", "m 6.1", "m <7.0>")
        for share in (0.1, 0.4, 0.41):
            shift = Shift("profile_photo_review", share, {"reject": 60}, {"reject": 20})
            logging.getLogger("artemis.watch").info("outcomes compared", extra={"_shift": shift})
        alerts.flush(10)

    assert [one["text"] for one in slack.posted] == [
        "⚠️ Artemis on production: a model changed: moderation by rekognition: m 6.1 -&gt; m &lt;7.0&gt;. "
        "Its decisions since may differ: GET /v1/models",
        "⚠️ Artemis on production: profile_photo_review decides otherwise than before: 40% of the last day's decisions "
        "have another outcome. What to do: docs/operations.md#alarm-outcome-shift",
    ]


def test_an_unhandled_error_is_told_by_its_place_and_not_what_it_said(slack: Slack, store: Store) -> None:
    with listening(posting(slack), lambda: store) as alerts:
        for number in range(3):
            try:
                raise ValueError(PERSON)
            except ValueError as error:
                logging.getLogger("artemis").error("unhandled error %s", f"id-{number}", exc_info=error)
        logging.getLogger("artemis").error("member %s is odd", PERSON)
        alerts.flush(10)

    first, second = (one["text"] for one in slack.posted)
    assert "ValueError at test_alerts.py:" in first and "(unhandled error id-0): see the log" in first
    assert second.endswith("an error was logged: member %s is odd")
    assert PERSON not in str(slack.posted)


def test_a_slack_that_is_away_is_said_in_the_log_and_the_next_tells(
    slack: Slack, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    slack.answers = [(500, {})]
    with listening(posting(slack), lambda: store) as alerts:
        for _ in range(2):
            logging.getLogger("artemis").error("the first thing")
            alerts.flush(10)

    assert len(slack.posted) == 2
    assert "Slack was not told: Slack said 500" in caplog.text


def test_where_the_store_is_away_each_process_tells(slack: Slack, caplog: pytest.LogCaptureFixture) -> None:
    def away() -> Any:
        raise ConnectionError("no store")

    with listening(posting(slack), away) as alerts:
        for _ in range(3):
            logging.getLogger("artemis").error("the store is away")
        alerts.flush(10)

    assert len(slack.posted) == 1 and "the store does not say who tells" in caplog.text


def test_more_than_can_wait_are_dropped_with_a_word(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    slow = Slack()
    slow.latency = 0.5
    with slow, listening(posting(slow), lambda: store) as alerts:
        for number in range(60):
            alerts.tell(Alert("error", str(number), f"number {number}"))

    assert "an alert is dropped, 50 others wait: number 5" in caplog.text


def test_lambda_is_kept_until_it_is_told_but_not_for_long(store: Store) -> None:
    slow = Slack()
    slow.latency = 0.4
    with slow, listening(posting(slow), lambda: store):
        log = logging.getLogger("artemis")

        def request(left: float | None, what: str) -> float:
            began = monotonic()
            _told_before_the_freeze(lambda: left, None, lambda _: log.error(what))
            return monotonic() - began

        assert request(20.0, "one") > 0.4 and len(slow.posted) == 1
        assert request(0.6, "two") < 0.35, "the answer has to leave"
        assert request(None, "three") < 0.1, "where nothing freezes nobody waits"
        flush(5)


def test_on_lambda_the_channel_has_heard_it_before_the_answer(
    served_project: Path, slack: Slack, tmp_path: Path
) -> None:
    path, names = "/v1/use-cases/{name}/decisions", {"name": "trouble"}
    body = json.dumps({"user_id": PERSON, "mode": "logic-raises"})
    headers = {"Content-Type": "application/json"}
    event = gateway_event("POST", path.replace("{name}", "trouble"), headers, body, path, names)
    url = f"sqlite:///{tmp_path / 'x.db'}"

    status = status_on_lambda(served_project, event, ARTEMIS_SLACK_WEBHOOK=slack.hook, ARTEMIS_DATABASE_URL=url)

    assert status == 500
    assert len(slack.posted) == 1


def test_without_a_webhook_nothing_of_it_is_imported(served_project: Path) -> None:
    code = "import app, sys; print([n for n in sys.modules if 'slack' in n or n == 'chalicelib.alerts'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=served_project, env=environment(), capture_output=True, text=True
    )

    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [("SLACK_WEBHOOK", "https://example.com/secret"), ("OUTCOME_SHIFT", "0"), ("OUTCOME_SHIFT", "15%")],
)
def test_a_wrong_setting_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({f"ARTEMIS_{name}": value}, {"local": {}}, [])

    assert f"ARTEMIS_{name}" in str(caught.value) and "secret" not in str(caught.value)
