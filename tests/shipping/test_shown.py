"""`artemis config show`: what is in force, where it comes from, nothing secret, and what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbench.cli import main as cli
from workbench.project import Project
from workbench.shipping.shown import masked, shown

ROOT = Path(__file__).parent.parent.parent


def in_force(stage: str, **outer: str) -> dict[str, tuple[str, str]]:
    return {one.name: (one.text, one.source) for one in shown(Project(ROOT), stage, outer).values}


def test_each_value_says_where_it_comes_from() -> None:
    found = in_force("production", ARTEMIS_LOG_LEVEL="DEBUG")

    assert found["ARTEMIS_LOG_LEVEL"] == ("DEBUG", "environment")
    assert found["ARTEMIS_DATABASE_AUTH"] == ("iam", ".chalice/config.json")
    assert found["providers.text"] == ('["google_vision", "rekognition"]', "usecases/stages/production.yaml")
    assert found["profile_photo_review.nudity_reject"] == ("0.8", "usecases/profile_photo_review.ipynb")
    assert found["deadline"] == ("25", "default")
    assert found["artemis.runtime"] == ('"python3.13"', ".chalice/config.json")
    assert found["artemis.alarms.errors"] == ("1", "default")


def test_the_stage_asked_about_is_shown_whatever_the_shell_is_set_to() -> None:
    assert in_force("staging", ARTEMIS_STAGE="production")["ARTEMIS_STAGE"] == ("staging", "--stage")


@pytest.mark.parametrize(
    ("name", "value", "shown_as"),
    [
        ("ARTEMIS_DATABASE_URL", "postgresql://a:p@ss/w:ord@db/x", "postgresql://a:***@db/x"),
        ("ARTEMIS_DATABASE_URL", "postgresql://db/x?user=a&password=secret", "postgresql://db/x?user=a&password=***"),
        ("ARTEMIS_DATABASE_URL", "sqlite:///.artemis/artemis.db", "sqlite:///.artemis/artemis.db"),
        ("ARTEMIS_API_KEYS", '{"backend": {"sha256": "abc"}}', "*** of backend"),
        ("ARTEMIS_API_KEYS", "not JSON", "***"),
        ("ARTEMIS_ENCRYPTION_KEYS", "c3RhbmQ=", "***"),
        ("ARTEMIS_SENTRY_DSN", "https://key@sentry.example/1", "***"),
        ("MY_TOKEN", "abc", "***"),
        ("GOOGLE_CLOUD_PROJECT", "dating", "dating"),
        ("ARTEMIS_API_KEYS", "{{resolve:ssm:/artemis/keys}}", "{{resolve:ssm:/artemis/keys}}"),
    ],
)
def test_secrets_are_masked(name: str, value: str, shown_as: str) -> None:
    assert masked(name, value) == shown_as


def test_everything_that_is_wrong_is_told_with_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("ARTEMIS_LOG_LEVEL", "LOUD")
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", "postgresql://a:secret@db/x")

    done = CliRunner().invoke(cli, ["config", "show", "--stage", "staging", "--format", "json"])

    told = json.loads(done.stdout)
    assert done.exit_code == 1
    assert [problem for problem in told["problems"] if "ARTEMIS_LOG_LEVEL=LOUD" in problem]
    assert [problem for problem in told["problems"] if "has a password, and ARTEMIS_DATABASE_AUTH is set" in problem]
    assert "secret" not in done.stdout


def test_a_stage_that_is_right_has_no_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for stage in ("local", "staging", "production"):
        assert CliRunner().invoke(cli, ["config", "show", "--stage", stage]).exit_code == 0


def test_an_unknown_stage_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(cli, ["config", "show", "--stage", "prod"])

    assert done.exit_code == 2
    assert "there is no stage 'prod'; there are: local, production, staging" in done.stderr
