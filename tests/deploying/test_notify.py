"""What Slack is told of a deployment, taken in by a server of ours as slack-sdk really posts it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.slacks import Slack
from workbench.cli import main
from workbench.deploying.message import message
from workbench.deploying.record import Record

SNAPSHOTS = Path(__file__).parent / "snapshots"
RECORD: dict[str, Any] = {
    "stage": "production",
    "status": "succeeded",
    "version": "14",
    "who": "김하늘",
    "commit": "0f0c2e9d8b7a6f5e4d3c2b1a0f0c2e9d8b7a6f5e",
    "subject": "사진 심사: 노출 기준을 <0.8> & 위로",
    "pull_request": "https://github.com/example/dating/pull/41",
    "use_cases": ["profile_photo_review"],
    "parameters": [{"use_case": "profile_photo_review", "name": "nudity_reject", "before": 0.8, "after": 0.85}],
    "metrics": [{"use_case": "profile_photo_review", "name": "recall_reject", "before": 0.97, "after": 0.96}],
    "contracts": ["profile_photo_review: reasons has a new value 'blurred'"],
    "flips": [{"use_case": "profile_photo_review", "flips": 41, "decisions": 18200}],
    "seconds": 184.2,
    "run": "https://github.com/example/dating/actions/runs/1",
    "rollback": "artemis rollback --stage production",
}


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as running:
        yield running


def notify(tmp_path: Path, webhook: str | None, *options: str, **changes: Any) -> Result:
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps({**RECORD, **changes}), "utf-8")
    return CliRunner().invoke(main, ["notify", str(path), *options], env={"ARTEMIS_SLACK_WEBHOOK": webhook or ""})


def test_what_is_posted_is_the_message(slack: Slack, tmp_path: Path) -> None:
    done = notify(tmp_path, slack.hook)

    assert (done.exit_code, done.output) == (0, "Slack was told\n")
    (posted,) = slack.posted
    assert posted == message(Record.model_validate(RECORD), "en")


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_the_message_is_as_it_was_looked_at(status: str, language: str) -> None:
    changes = {"status": status} | ({"error": "the smoke test failed: /ready said 503"} if status == "failed" else {})
    rendered = message(Record.model_validate({**RECORD, **changes}), language)

    kept = json.loads((SNAPSHOTS / f"slack-{status}-{language}.json").read_text("utf-8"))
    assert rendered == kept


def test_slack_may_ask_for_patience_and_fail_twice(slack: Slack, tmp_path: Path) -> None:
    slack.answers = [(429, {"Retry-After": "0"}), (503, {})]

    assert notify(tmp_path, slack.hook).exit_code == 0
    assert len(slack.posted) == 3


@pytest.mark.parametrize(
    ("answers", "posts"),
    [([(404, {})], 1), ([(500, {})] * 5, 3), ([(429, {"Retry-After": "3600"})], 1)],
    ids=["gone", "down", "asks for an hour"],
)
def test_a_slack_that_does_not_take_it_fails_nothing_and_is_told(
    slack: Slack, tmp_path: Path, answers: list[Any], posts: int
) -> None:
    slack.answers = [*answers]
    done = notify(tmp_path, slack.hook)

    assert done.exit_code == 0
    assert "note: Slack was not told: Slack said" in done.stderr
    assert len(slack.posted) == posts


def test_a_dead_webhook_fails_nothing_and_its_url_is_not_told(tmp_path: Path) -> None:
    with Slack() as gone:
        hook = gone.hook
    done = notify(tmp_path, hook)

    assert (done.exit_code, "note: Slack was not told" in done.stderr) == (0, True)
    assert "secret" not in done.output


def test_without_a_channel_a_workflow_goes_on_and_says_so(tmp_path: Path) -> None:
    done = notify(tmp_path, None, "--optional")

    assert (done.exit_code, done.stderr) == (0, "note: nobody is told: ARTEMIS_SLACK_WEBHOOK is not set\n")


@pytest.mark.parametrize(
    ("webhook", "changes", "said"),
    [
        (None, {}, "ARTEMIS_SLACK_WEBHOOK is not set"),
        ("https://example.com/hook/secret", {}, "is no webhook of Slack's"),
        ("https://hooks.slack.com/services/T/B/secret", {"status": "perhaps"}, "is no record of a deployment: status"),
    ],
)
def test_what_cannot_be_posted_is_told(tmp_path: Path, webhook: str | None, changes: dict[str, Any], said: str) -> None:
    done = notify(tmp_path, webhook, **changes)

    assert done.exit_code == 2
    assert said in done.stderr and "secret" not in done.output


def test_a_message_keeps_within_slacks_limits() -> None:
    names = [f"parameter_{number}" for number in range(500)]
    many = [{"use_case": "photo", "name": name, "before": "가" * 300, "after": 1} for name in names]
    record = Record.model_validate(
        {**RECORD, "parameters": many, "use_cases": names, "error": "가" * 9000, "stage": "s" * 300}
    )
    blocks = message(record, "ko")["blocks"]

    assert len(blocks) <= 50
    for block in blocks:
        for text in [block.get("text"), *block.get("fields", [])]:
            assert text is None or len(text["text"]) <= {"plain_text": 150, "mrkdwn": 3000}[text["type"]]
    assert any("외 488건" in block.get("text", {}).get("text", "") for block in blocks)


def test_marks_of_slack_in_a_text_are_no_marks() -> None:
    text = message(Record.model_validate(RECORD), "en")["text"]

    assert "&lt;0.8&gt; &amp; 위로" in text
