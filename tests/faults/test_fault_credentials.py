"""Credentials that ran out: what renews itself is renewed, and what cannot is told without a word of the key."""

from __future__ import annotations

from typing import Any

import pytest
from faults_clouds import MARKER, TOKEN_ENV, Cloud

GOOGLE = ("vertex_ai", "bigquery")


@pytest.mark.parametrize("cloud", GOOGLE, indirect=True)
def test_a_token_that_was_revoked_is_renewed_within_the_decision(deciding: Any, check_leaks: Any, cloud: Cloud) -> None:
    service = deciding(cloud)
    assert service.decide("needed").outcome == (200, [])
    cloud.emulator.revoke()
    seen = service.decide("needed")
    assert seen.outcome == (200, [])
    assert cloud.emulator.count("token") == 2
    check_leaks(seen)


@pytest.mark.parametrize("cloud", GOOGLE, indirect=True)
def test_an_account_that_gets_no_token_is_a_matter_of_credentials(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    refusal = {"error": "invalid_grant", "error_description": MARKER}
    cloud.instead_of_token(lambda request: (400, refusal, {}))
    needed, optional = (deciding(cloud).decide(use) for use in ("needed", "optional"))
    assert needed.outcome == (502, "task-failed", "asked")
    assert optional.outcome == (200, [{"task": "asked", "error": "credentials"}])
    for seen in (needed, optional):
        (call,) = seen.calls()
        assert (call["error"], call["attempts"]) == ("credentials", 0)  # the API itself was not asked
        seen.check_what_was_paid()
    assert cloud.requests == 0
    check_leaks(needed, optional)


TOKEN_ANSWERS = {
    "failing": ((503, {"error": "unavailable", "error_description": MARKER}), "server-error"),
    "garbage": ((200, f"<html>{MARKER}".encode()), "bad-answer"),
    "without-a-token": ((200, {"token": MARKER}), "credentials"),
}


@pytest.mark.parametrize("what", TOKEN_ANSWERS)
@pytest.mark.parametrize("cloud", GOOGLE, indirect=True)
def test_a_token_server_in_trouble_is_told_as_what_it_is(
    deciding: Any, check_leaks: Any, cloud: Cloud, what: str
) -> None:
    answer, code = TOKEN_ANSWERS[what]
    cloud.instead_of_token(lambda request: (*answer, {}))
    seen = deciding(cloud).decide("optional")
    assert seen.outcome == (200, [{"task": "asked", "error": code}])
    (call,) = seen.calls()
    assert (call["error"], call["attempts"], cloud.requests) == (code, 0, 0)
    seen.check_what_was_paid()
    check_leaks(seen)


@pytest.mark.parametrize("cloud", GOOGLE, indirect=True)
def test_a_key_file_that_is_broken_is_not_shown(
    deciding: Any, check_leaks: Any, cloud: Cloud, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "service-account.json"
    path.write_text(path.read_text().replace("BEGIN PRIVATE KEY", f"BEGIN {MARKER}"))
    seen = deciding(cloud).decide("optional")
    assert seen.outcome == (200, [{"task": "asked", "error": "credentials"}])
    seen.check_what_was_paid()
    check_leaks(seen)


@pytest.mark.parametrize("cloud", ["http"], indirect=True)
def test_a_server_that_takes_another_token_now_is_a_matter_of_credentials(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    cloud.emulator.token = f"another-{MARKER}"
    seen = deciding(cloud).decide("needed")
    assert seen.outcome == (502, "task-failed", "asked")
    assert seen.error()["error"] == "credentials" and TOKEN_ENV not in seen.reply.content.decode()
    seen.check_what_was_paid()
    check_leaks(seen)


@pytest.mark.parametrize("cloud", ["rekognition", "sagemaker"], indirect=True)
def test_without_any_credentials_nobody_is_asked(
    deciding: Any, check_leaks: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    seen = deciding(cloud).decide("needed")
    assert seen.outcome == (502, "task-failed", "asked")
    assert (seen.error()["error"], cloud.requests) == ("credentials", 0)
    (call,) = seen.calls()
    assert call["attempts"] == 0
    seen.check_what_was_paid()
    check_leaks(seen)
