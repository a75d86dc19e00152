"""The emulated S3, as a careless client sees it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.emulators.s3 import S3, started


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with started() as running:
        yield running


@pytest.mark.parametrize("key", ["portrait.jpg?versionId=abc", "a b%20c+d#e.jpg", "사진.jpg", "a//b/../c.jpg"])
def test_a_key_may_hold_what_means_something_in_a_url(s3: S3, key: str, capfd: pytest.CaptureFixture[str]) -> None:
    client = boto3.client("s3", endpoint_url=s3.url)
    s3.put("member-photos", "portrait.jpg", b"another")
    with pytest.raises(ClientError) as missing:
        client.get_object(Bucket="member-photos", Key=key)
    assert missing.value.response["Error"]["Code"] == "NoSuchKey"
    s3.put("member-photos", key, b"a photo")
    assert client.get_object(Bucket="member-photos", Key=key)["Body"].read() == b"a photo"
    assert "Traceback" not in capfd.readouterr().err
