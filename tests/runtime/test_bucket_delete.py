"""Deleting an object in the state in which it was recorded."""

from __future__ import annotations

import math

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.objects import ObjectError, S3Object
from tests.emulators.faults import Status
from tests.emulators.s3 import S3

BUCKET, KEY = "member-photos", "u-1/가나 100%25.jpg"


def begun(s3: S3) -> S3Object:
    return s3.objects.begin(BUCKET, KEY, 10, math.inf).found


def versions(s3: S3) -> list[str]:
    """Of all objects; markers of deletion too."""
    found = boto3.client("s3", endpoint_url=s3.url).list_object_versions(Bucket=BUCKET)
    return [one["VersionId"] for kind in ("Versions", "DeleteMarkers") for one in found.get(kind, [])]


def test_a_version_goes_and_others_stay(s3: S3) -> None:
    first = s3.put(BUCKET, KEY, b"first", versioned=True)
    second = s3.put(BUCKET, KEY, b"second", versioned=True)
    assert s3.objects.delete(S3Object(BUCKET, KEY, first), math.inf)
    assert versions(s3) == [second]
    assert s3.objects.delete(S3Object(BUCKET, KEY, first), math.inf), "S3 does not say that it was gone"


def test_an_object_without_versions_goes(s3: S3) -> None:
    s3.put(BUCKET, KEY, b"a photo")
    found = begun(s3)
    assert s3.objects.delete(found, math.inf)
    with pytest.raises(ClientError):
        boto3.client("s3", endpoint_url=s3.url).head_object(Bucket=BUCKET, Key=KEY)
    assert not s3.objects.delete(found, math.inf)


def test_what_came_in_its_place_stays(s3: S3) -> None:
    s3.put(BUCKET, KEY, b"a photo")
    found = begun(s3)
    s3.put(BUCKET, KEY, b"somebody else's")
    with pytest.raises(ObjectError) as changed:
        s3.objects.delete(found, math.inf)
    assert changed.value.reason == "changed"
    assert begun(s3).etag != found.etag


def test_no_marker_is_left_where_versions_were_turned_on_later(s3: S3) -> None:
    s3.put(BUCKET, KEY, b"a photo")
    found = begun(s3)
    boto3.client("s3", endpoint_url=s3.url).put_bucket_versioning(
        Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
    )
    assert s3.objects.delete(found, math.inf)
    assert versions(s3) == []


@pytest.mark.parametrize(("status", "reason"), [(403, "credentials"), (503, "throttled"), (500, "server-error")])
def test_why_it_is_not_deleted(s3: S3, status: int, reason: str) -> None:
    version = s3.put(BUCKET, KEY, b"a photo", versioned=True)
    s3.faults.always(Status(status))
    with pytest.raises(ObjectError) as failed:
        s3.objects.delete(S3Object(BUCKET, KEY, version), math.inf)
    assert failed.value.reason == reason
    s3.faults.clear()
    assert versions(s3) == [version]
