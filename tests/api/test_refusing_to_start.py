"""A misconfigured service does not start: it says everything that is wrong at once, and no secret."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from api_server import ROOT, copy_runtime, environment

from chalicelib.errors import SettingsError, Unavailable
from chalicelib.manifest import Manifest
from chalicelib.settings import Settings, load
from chalicelib.store import Store

SECRET = "hunter2"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
URL = f"postgresql://artemis:{SECRET}@db.internal/artemis"


def keys(**entry: object) -> str:
    return json.dumps({"backend": {"sha256": DIGEST, "use_cases": ["*"]} | entry})


Load = Callable[..., Settings]


@pytest.fixture
def load_with(manifest: Manifest) -> Load:
    return lambda **names: load(
        {f"ARTEMIS_{name}" if name.isupper() and "AWS" not in name else name: value for name, value in names.items()},
        manifest.stages,
        manifest.use_cases,
    )


def test_the_local_stage_needs_no_settings(load_with: Load) -> None:
    settings = load_with()
    assert (settings.stage, settings.api_keys, settings.log_level) == ("local", (), "INFO")
    assert settings.database_url.startswith("sqlite:///")


def test_another_stage_without_keys_and_database_says_both(load_with: Load) -> None:
    with pytest.raises(SettingsError) as refused:
        load_with(STAGE="production")
    assert len(refused.value.problems) == 2
    assert {problem.split()[0] for problem in refused.value.problems} == {"ARTEMIS_API_KEYS", "ARTEMIS_DATABASE_URL"}


def test_every_problem_is_listed_at_once(load_with: Load) -> None:
    with pytest.raises(SettingsError) as refused:
        load_with(STAGE="production", DATABASE_URL="db.internal", API_KEYS="[", LOG_LEVEL="LOUD")
    text = str(refused.value)
    assert len(refused.value.problems) == 3
    assert all(name in text for name in ("ARTEMIS_DATABASE_URL", "ARTEMIS_API_KEYS", "ARTEMIS_LOG_LEVEL=LOUD"))


def test_a_complete_stage_is_accepted_and_its_secrets_are_not_shown(load_with: Load) -> None:
    settings = load_with(STAGE="production", DATABASE_URL=URL, API_KEYS=keys())
    assert settings.database_url == f"{URL}?sslmode=verify-full&sslrootcert=system"
    assert SECRET not in repr(settings) + str(settings)
    assert DIGEST not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "{}",
        "null",
        '"key"',
        json.dumps({"backend": SECRET}),
        json.dumps({"": {"sha256": DIGEST, "use_cases": ["*"]}}),
        json.dumps({"b" * 101: {"sha256": DIGEST, "use_cases": ["*"]}}),
        json.dumps({"back\0end": {"sha256": DIGEST, "use_cases": ["*"]}}),
        json.dumps({"backend": {"sha256": SECRET, "use_cases": ["*"]}}),
        json.dumps({"backend": {"key": SECRET, "use_cases": ["*"]}}),
        keys(sha256=DIGEST.upper()),
        keys(sha256=DIGEST[:-1]),
        keys(sha256=None),
        keys(use_cases=[]),
        keys(use_cases="*"),
        keys(use_cases=[1]),
        keys(use_cases=None),
        '{"backend": {"sha256": "' + SECRET,
    ],
)
@pytest.mark.parametrize("stage", ["local", "production"])
def test_bad_keys_are_refused_without_being_repeated(load_with: Load, stage: str, text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_with(STAGE=stage, DATABASE_URL=URL, API_KEYS=text)
    assert len(refused.value.problems) == 1
    assert "ARTEMIS_API_KEYS" in refused.value.problems[0]
    for secret in (SECRET, DIGEST, DIGEST.upper()):
        assert secret not in str(refused.value)


def test_every_bad_client_is_named(load_with: Load) -> None:
    text = json.dumps({"backend": {"sha256": "x"}, "쇼핑": {"sha256": DIGEST}, "good": json.loads(keys())["backend"]})
    with pytest.raises(SettingsError) as refused:
        load_with(API_KEYS=text)
    assert [name in str(refused.value) for name in ("backend", "쇼핑", "good")] == [True, True, False]


def test_a_key_may_be_given_out_before_its_use_case_is_deployed(load_with: Load) -> None:
    """Refusing would stop a running service for a client that only waits."""
    settings = load_with(API_KEYS=keys(use_cases=["refund-chick"]))
    assert settings.api_keys[0].use_cases == {"refund_chick"}


@pytest.mark.parametrize("stage", ["", "prod", "Production", "../local", "local\0"])
def test_an_unknown_stage_is_refused_with_those_that_are_known(load_with: Load, stage: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_with(STAGE=stage)
    assert "local, production" in str(refused.value)


def test_the_local_stage_is_refused_on_lambda(load_with: Load) -> None:
    for stage in ({}, {"STAGE": "local"}):
        with pytest.raises(SettingsError) as refused:
            load_with(AWS_LAMBDA_FUNCTION_NAME="artemis", **stage)
        assert "Lambda" in str(refused.value)
    assert load_with(AWS_LAMBDA_FUNCTION_NAME="artemis", STAGE="production", DATABASE_URL=URL, API_KEYS=keys())


@pytest.mark.parametrize(
    "url",
    [
        f"nosuch://artemis:{SECRET}@db/artemis",
        f"postgresql://artemis:{SECRET}@db:port/artemis",
        f"sqlite:////dev/null/{SECRET}/x.db",
    ],
    ids=["no such database", "no port", "no folder"],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Store(url).ping()
    assert SECRET not in str(refused.value)
    assert "ARTEMIS_DATABASE_URL" in str(refused.value)


def test_a_database_that_is_not_there_is_told_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    """The slash is no end of the password, so this is a host that nobody knows."""
    with pytest.raises(Unavailable) as down:
        Store(f"postgresql://artemis:{SECRET}/x@db.invalid/artemis").ping()
    assert SECRET not in f"{down.value} {down.value.__cause__} {caplog.text}"


def started(folder: Path, *command: str, **names: str) -> subprocess.CompletedProcess[str]:
    settings = environment(PYTHONPATH=str(folder), **names)
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=settings, capture_output=True, text=True, timeout=30
    )


def test_the_server_exits_with_2_and_one_list_of_what_is_wrong() -> None:
    ended = started(ROOT, "-m", "workbench", "serve", "--port", "0", ARTEMIS_STAGE="production", ARTEMIS_API_KEYS="[")
    assert ended.returncode == 2
    assert ended.stderr.count("ARTEMIS_API_KEYS") == 1
    assert ended.stderr.count("ARTEMIS_DATABASE_URL") == 1
    assert "Traceback" not in ended.stderr


def test_the_app_of_a_misconfigured_lambda_does_not_load() -> None:
    names = {"ARTEMIS_STAGE": "production", "AWS_LAMBDA_FUNCTION_NAME": "artemis"}
    ended = started(ROOT, "-c", "import app", **names)
    assert ended.returncode == 1
    assert "SettingsError" in ended.stderr
    assert "ARTEMIS_DATABASE_URL" in ended.stderr


@pytest.mark.parametrize("content", [None, "{", '{"format": 0}', "[]", "null"], ids=str)
def test_a_missing_or_damaged_manifest_asks_for_a_build(tmp_path: Path, content: str | None) -> None:
    copy_runtime(tmp_path)
    (tmp_path / "usecases").mkdir()
    (tmp_path / "chalicelib" / "usecases").mkdir()
    if content is not None:
        (tmp_path / "chalicelib" / "usecases" / "manifest.json").write_text(content)
    ended = started(tmp_path, "-m", "workbench", "serve", "--port", "0")
    assert ended.returncode == 2, ended.stderr
    assert "artemis build" in ended.stderr
    assert "Traceback" not in ended.stderr
