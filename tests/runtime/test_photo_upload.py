"""Large photos that were sent are put in S3 by the service, where the stage says so."""

from __future__ import annotations

import base64
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto.s3.models import s3_backends
from pydantic import BaseModel
from test_photo_beginning import LARGE, noise

from chalicelib.errors import Unavailable
from chalicelib.intake import seal
from chalicelib.photo import Photo, PhotoPolicy, Upload
from chalicelib.uploads import put_away
from tests.emulators.aws import ACCOUNT
from tests.emulators.faults import Refuse, Status
from tests.emulators.s3 import S3

JPEG = LARGE["a JPEG"]
SHA256 = hashlib.sha256(JPEG).hexdigest()
KEY = f"inbound/{SHA256}.jpg"


class Album(BaseModel):
    title: str = ""
    photos: list[Photo] = []


class Request(BaseModel):
    photo: Photo | None = None
    albums: dict[str, Album] = {}


def policy(s3: S3, versioned: bool = True, above: int = 10_000) -> PhotoPolicy:
    s3.put("member-photos", "other", b"x", versioned=versioned)
    return PhotoPolicy(upload=Upload("member-photos", above, "inbound/"), objects=s3.objects)


def sent(data: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(data).decode()}


def take(content: dict[str, Any], policy: PhotoPolicy) -> Request:
    request = Request.model_validate_json(json.dumps(content), context=policy)
    put_away(request, policy)
    return request


def stored() -> dict[str, Any]:
    keys = s3_backends[ACCOUNT]["aws"].buckets["member-photos"].keys
    return {key: keys.getlist(key) for key in keys if key != "other"}


def test_a_large_photo_is_put_there_and_keeps_its_bytes_and_digest(s3: S3) -> None:
    photo = take({"photo": sent(JPEG)}, policy(s3)).photo
    assert photo is not None
    assert photo.s3 is not None
    ((key, [there]),) = stored().items()
    assert (key, there.value, there.metadata["Content-Type"]) == (KEY, JPEG, "image/jpeg")
    assert (photo.s3.uri, photo.s3.version) == (f"s3://member-photos/{KEY}", there.version_id)
    assert (photo.digest, photo.read()) == (f"sha256:{SHA256}", JPEG)
    assert "GetObject" not in [call["operation"] for call in s3.calls]


def test_the_record_says_where_it_lies(s3: S3) -> None:
    record = json.loads(seal(take({"photo": sent(JPEG)}, policy(s3, versioned=False))).record)["photo"]
    assert record["digest"] == f"sha256:{SHA256}"
    assert record["s3"] == {"uri": f"s3://member-photos/{KEY}", "etag": hashlib.md5(JPEG).hexdigest()}


def test_what_is_not_above_the_limit_stays_where_it_is(s3: S3) -> None:
    photo = take({"photo": sent(JPEG)}, policy(s3, above=len(JPEG))).photo
    assert photo is not None
    assert "s3" not in photo.recorded()
    assert s3.calls == []


@pytest.mark.parametrize("versioned", [True, False], ids=["versioned", "unversioned"])
def test_the_same_photo_lies_there_once(s3: S3, versioned: bool) -> None:
    stage = policy(s3, versioned)
    first = take({"photo": sent(JPEG)}, stage)
    with ThreadPoolExecutor(4) as threads:  # after the first: moto looks and writes in two steps, S3 in one
        later = threads.map(lambda _: take({"photo": sent(JPEG)}, stage), range(4))
        photos = [request.photo for request in (first, *later)]
    assert len({photo.s3 for photo in photos if photo}) == 1
    assert [len(versions) for versions in stored().values()] == [1]


def test_photos_at_any_depth_are_put_there_each_once(s3: S3) -> None:
    png = noise("PNG", (200, 200))
    album = {"photos": [sent(JPEG), sent(png), sent(noise("JPEG", (20, 20)))]}
    request = take({"photo": sent(JPEG), "albums": {"a": album}}, policy(s3))
    assert stored().keys() == {KEY, f"inbound/{hashlib.sha256(png).hexdigest()}.png"}
    assert [photo.s3 is not None for photo in request.albums["a"].photos] == [True, True, False]
    assert [call["operation"] for call in s3.calls] == ["PutObject"] * 2


def test_a_photo_that_came_by_reference_is_not_copied(s3: S3) -> None:
    s3.put("member-photos", "here.jpg", JPEG)
    stage = PhotoPolicy(buckets=("member-photos",), upload=Upload("member-photos", 10), objects=s3.objects)
    take({"photo": {"s3": "s3://member-photos/here.jpg"}}, stage)
    assert stored().keys() == {"here.jpg"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Refuse(), "photo-store-unavailable"),
        (Status(503), "photo-store-unavailable"),
        (Status(403), "photo-store-denied"),
    ],
    ids=["unreachable", "throttled", "denied"],
)
def test_a_store_that_fails_is_said_and_not_passed_over(s3: S3, fault: object, code: str) -> None:
    stage = policy(s3)
    s3.faults.always(fault)
    with pytest.raises(Unavailable) as failed:
        take({"photo": sent(JPEG)}, stage)
    assert failed.value.code == code


def test_something_else_that_took_its_place_is_replaced(s3: S3) -> None:
    s3.put("member-photos", KEY, b"not that photo")
    take({"photo": sent(JPEG)}, policy(s3, versioned=False))
    assert [there.value for there in stored()[KEY]][-1] == JPEG
