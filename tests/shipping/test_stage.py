"""What `.chalice/config.json` says of a stage, and what is wrong with it: all of it at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.shipping.errors import CannotShip
from workbench.shipping.interpreters import interpreter
from workbench.shipping.needs import lock, pins
from workbench.shipping.stage import check_deadline, read

VARIABLES = {
    "ARTEMIS_STAGE": "staging",
    "ARTEMIS_DATABASE_URL": "postgresql://artemis@db.example/artemis",
    "ARTEMIS_API_KEYS": "{{resolve:ssm:/artemis/staging/api-keys}}",
}


def project(tmp_path: Path, own: dict[str, Any], **top: Any) -> Path:
    (tmp_path / ".chalice").mkdir(exist_ok=True)
    own = {"environment_variables": VARIABLES, **own}
    config = {"app_name": "artemis", "autogen_policy": False, "lambda_timeout": 28, "stages": {"staging": own}, **top}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config), "utf-8")
    return tmp_path


def test_a_stage_overrides_the_top_level_key_by_key(tmp_path: Path) -> None:
    top = {"runtime": "python3.12", "alarms": {"p99_ms": 100}}
    found = read(
        project(
            tmp_path,
            {"lambda_memory_size": 512, "artemis": {"log_retention_days": 90}},
            lambda_memory_size=1024,
            artemis=top,
        ),
        "staging",
    )

    assert (found.content["lambda_memory_size"], found.python, found.options.log_retention_days) == (512, "3.12", 90)
    assert found.options.alarms.p99_ms == 100
    assert found.function("api") == "artemis-staging-api"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"environment_variables": {**VARIABLES, "ARTEMIS_STAGE": "production"}}, "ARTEMIS_STAGE is not 'staging'"),
        ({"environment_variables": {"ARTEMIS_STAGE": "staging"}}, "ARTEMIS_DATABASE_URL is missing"),
        (
            {"environment_variables": {**VARIABLES, "ARTEMIS_API_KEYS": '{"a": {}}'}},
            "ARTEMIS_API_KEYS stands there in plain",
        ),
        (
            {"environment_variables": {**VARIABLES, "ARTEMIS_DATABASE_URL": "postgresql://a:secret@db/x"}},
            "ARTEMIS_DATABASE_URL stands there in plain",
        ),
        ({"environment_variables": {**VARIABLES, "X": 1}}, "X is not a text"),
        ({"autogen_policy": True}, "autogen_policy is not false"),
        ({"lambda_timeout": 60}, "lambda_timeout: 60 is more than the 29 s"),
        ({"log_retention_in_days": 30}, "use artemis.log_retention_days"),
        ({"artemis": {"log_retention_days": 31}}, "artemis.log_retention_days: 31 is none of"),
        ({"artemis": {"runtime": "python3.11"}}, "artemis.runtime"),
        ({"artemis": {"alarms": {"p98": 1}}}, "artemis.alarms.p98"),
        ({"artemis": {"alarms": {"topic": "ops"}}}, "artemis.alarms.topic"),
        ({"artemis": {"snap_start": True, "provisioned_concurrency": 2}}, "exclude each other"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, own: dict[str, Any], said: str) -> None:
    with pytest.raises(CannotShip, match=r"\.chalice/config\.json, stage staging: ") as caught:
        read(project(tmp_path, own), "staging")

    assert said in str(caught.value)
    assert "secret@" not in str(caught.value)


def test_everything_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(CannotShip) as caught:
        read(
            project(tmp_path, {"autogen_policy": True, "lambda_timeout": 99, "artemis": {"runtime": "ruby"}}), "staging"
        )

    assert len(caught.value.reasons) == 3


def test_an_unknown_stage_and_no_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(CannotShip, match=r"there is no \.chalice/config\.json"):
        read(tmp_path, "staging")
    with pytest.raises(CannotShip, match="has no stage 'prod'; it has: staging"):
        read(project(tmp_path, {}), "prod")


def test_lambda_must_not_end_a_request_before_its_deadline(tmp_path: Path) -> None:
    found = read(project(tmp_path, {"lambda_timeout": 20}), "staging")

    check_deadline(found, 19)
    with pytest.raises(CannotShip, match="lambda_timeout is 20 s, and the stage's deadline is 25 s"):
        check_deadline(found, 25)


def test_a_runtime_that_is_not_here_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    with pytest.raises(CannotShip, match=r"no python3\.10 on PATH and none among pyenv's versions"):
        interpreter("3.10")


def test_what_requirements_do_not_pin_is_told(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("pydantic>=2\n# a comment\nsix==1.17.0\n", "utf-8")
    with pytest.raises(CannotShip, match="'pydantic>=2' pins no version"):
        pins(tmp_path)

    here = Path("chalicelib/providers/local.py")
    with pytest.raises(CannotShip, match=r"local\.py imports numpy, which nothing in requirements\.txt provides"):
        lock({"six": "1.17.0"}, {"numpy": here}, "3.13")
    with pytest.raises(CannotShip, match=r"requirements\.txt lacks annotated-types"):
        lock(
            {"pydantic": "2.14.3", "typing-extensions": "1", "pydantic-core": "1", "typing-inspection": "1"},
            {"pydantic": here},
            "3.13",
        )


def test_the_lock_holds_what_is_imported_and_what_that_needs() -> None:
    root = Path(__file__).parent.parent.parent
    locked = lock(pins(root), {"boto3": root / "app.py"}, "3.13")

    assert set(locked) == {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
