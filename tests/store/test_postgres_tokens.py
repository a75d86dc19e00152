"""Tokens of IAM, by which RDS lets a process in."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from tcp_postgres import asking_for_a_password

from chalicelib.errors import SettingsError, Unavailable
from chalicelib.store import Store, login
from tests.emulators.aws import Aws


@pytest.fixture
def aws(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """Asked by a client that is made anew."""
    monkeypatch.setattr(login, "_SESSION", list[Any]())
    return aws


def refused(url: str) -> str:
    """Why a connection is refused."""
    store = Store(url)
    try:
        with pytest.raises(Unavailable) as down:
            store.ping()
        return str(down.value.__cause__)
    finally:
        store.close()


def test_a_token_of_iam_is_sent_for_a_password(aws: Aws, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    heard: list[str] = []
    with asking_for_a_password(heard) as port:
        said = refused(f"postgresql://decider@127.0.0.1:{port}/artemis?artemis_auth=iam")
        refused(f"postgresql://decider@127.0.0.1:{port}/artemis?artemis_auth=iam")
    assert len(heard) == 2
    assert heard[0].startswith(f"127.0.0.1:{port}/?")
    members = members_of(heard[0])
    assert (members["Action"], members["DBUser"], members["X-Amz-Expires"]) == ("connect", "decider", "900")
    assert len(members["X-Amz-Signature"]) == 64
    assert "/rds-db/aws4_request" in members["X-Amz-Credential"]
    assert members["X-Amz-Signature"] not in said + caplog.text


def members_of(token: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(f"https://{token}").query).items()}


def test_a_token_is_what_boto3_would_make(aws: Aws) -> None:
    host = "db.cluster-abc.ap-northeast-2.rds.amazonaws.com"
    client = boto3.client("rds", region_name="ap-northeast-2")
    for _ in range(5):  # unless a second ends in between
        ours, theirs = login.token(host, 5432, "decider"), client.generate_db_auth_token(host, 5432, "decider")
        if members_of(ours)["X-Amz-Date"] == members_of(theirs)["X-Amz-Date"]:
            break
    assert members_of(ours) == members_of(theirs)
    assert ours.partition("?")[0] == theirs.partition("?")[0]


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("db.cluster-abc.ap-northeast-2.rds.amazonaws.com", "ap-northeast-2"),
        ("p.proxy-abc.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"),
        ("db.abc.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"),
        ("db.internal", "eu-central-1"),
    ],
)
def test_a_token_is_for_the_region_of_the_host(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, host: str, region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr(login, "_SESSION", [])
    assert f"/{region}/rds-db/" in members_of(login.token(host, 5432, "decider"))["X-Amz-Credential"]


def test_without_credentials_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(login, "_SESSION", list[Any]())
    opened = Store("postgresql://decider@127.0.0.1:1/artemis?artemis_auth=iam")
    with pytest.raises(SettingsError, match="AWS credentials"):
        opened.ping()
    opened.close()
