"""A photo in S3: what its record says, who downloads it and when, and that it stays the same photo."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from test_photo_beginning import LARGE, TURNED, exif, noise

from chalicelib import intake
from chalicelib.asking import ANY_TIME
from chalicelib.calling.bounds import Bounds, Limits
from chalicelib.errors import PhotoError, Unavailable
from chalicelib.objects import ObjectError
from chalicelib.photo import Photo, PhotoPolicy
from chalicelib.remote import BEGINNING, collect
from tests.emulators.faults import Delay, Refuse, Reset, Status
from tests.emulators.s3 import S3

JPEG = LARGE["a turned JPEG"]
OTHER = LARGE["a progressive JPEG"]
PHOTO: TypeAdapter[Photo] = TypeAdapter(Photo)
URI = "s3://member-photos/u-1/가나 100%25.jpg"
KEY = URI.removeprefix("s3://member-photos/")


class Request(BaseModel):
    photo: Photo | None
    note: str = ""


@pytest.fixture
def policy(s3: S3) -> PhotoPolicy:
    return PhotoPolicy(buckets=("member-photos",), objects=s3.objects)


def take(policy: PhotoPolicy, uri: str = URI) -> Photo:
    return PHOTO.validate_python({"s3": uri}, context=policy)


def asked(s3: S3) -> list[str]:
    return [call["operation"] for call in s3.calls]


def test_a_large_photo_is_known_by_its_version_and_only_its_beginning_is_read(s3: S3, policy: PhotoPolicy) -> None:
    version = s3.put("member-photos", KEY, JPEG, versioned=True)
    photo = take(policy)
    assert (photo.format, photo.size, photo.width, photo.height) == ("jpeg", len(JPEG), 400, 500)
    assert photo.s3 is not None
    assert (photo.s3.bucket, photo.s3.key, photo.s3.version) == ("member-photos", KEY, version)
    assert asked(s3) == ["GetObject"]
    assert s3.sent == BEGINNING


def test_a_bucket_without_versions_tells_a_photo_by_its_etag(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG)
    photo = take(policy)
    assert photo.s3 is not None
    assert (photo.s3.version, photo.s3.etag) == (None, hashlib.md5(JPEG).hexdigest())
    assert photo.digest.startswith("s3-etag:")
    assert photo.read() == JPEG
    s3.put("member-photos", KEY, OTHER)
    assert take(policy).digest != photo.digest


def test_the_record_says_where_it_lies_and_gives_the_photo_back(s3: S3, policy: PhotoPolicy) -> None:
    version = s3.put("member-photos", KEY, JPEG, versioned=True)
    request = intake.read(Request, json.dumps({"photo": {"s3": URI}}), policy)
    record = json.loads(request.record)["photo"]
    assert record == {
        "digest": record["digest"],
        "format": "jpeg",
        "size": len(JPEG),
        "width": 400,
        "height": 500,
        "s3": {"uri": URI, "version": version},
    }
    assert record["digest"].startswith("s3-version:")
    assert "u-1" not in record["digest"]
    sealed = request.sealed.photo
    assert sealed == request.live.photo
    assert (sealed.s3.key, sealed.s3.version) == (KEY, version)
    with pytest.raises(RuntimeError, match="in tasks only"):
        sealed.read()


def test_a_record_from_before_photos_lay_in_s3_is_read_as_ever() -> None:
    record = '{"digest":"sha256:00","format":"jpeg","size":1,"width":2,"height":3}'
    photo = PHOTO.validate_json(record, context="recorded")
    assert photo.s3 is None
    assert PHOTO.dump_json(photo).decode() == record


def test_a_small_photo_is_read_at_once_and_is_like_one_that_was_sent(s3: S3, policy: PhotoPolicy) -> None:
    data = noise("JPEG", (64, 48))
    s3.put("member-photos", KEY, data)
    photo = take(policy)
    sent = Photo.from_bytes(data)
    assert photo == sent
    assert photo.sha256() == hashlib.sha256(data).hexdigest()
    assert photo.s3 is not None
    assert (photo.read(), photo.image().size) == (data, (64, 48))
    assert asked(s3) == ["GetObject"]


@pytest.mark.parametrize(
    "data",
    [noise("WEBP", quality=95, exif=exif(TURNED)), noise("JPEG", icc_profile=bytes(300_000))],
    ids=["WebP", "JPEG"],
)
def test_a_photo_whose_beginning_does_not_tell_is_read_whole(s3: S3, policy: PhotoPolicy, data: bytes) -> None:
    s3.put("member-photos", KEY, data, versioned=True)
    photo = take(policy)
    assert photo == Photo.from_bytes(data)
    assert photo.read() == data
    assert s3.sent == len(data)


def test_many_tasks_download_it_once(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG, versioned=True)
    photo = take(policy)
    s3.latency = 0.2
    together = threading.Barrier(8)

    def read(number: int) -> bytes:
        together.wait()
        return photo.read() if number % 2 else photo.image().tobytes()

    with ThreadPoolExecutor(8) as threads:
        contents = list(threads.map(read, range(8)))
    assert set(contents[1::2]) == {JPEG}
    assert set(contents[::2]) == {Photo.from_bytes(JPEG).image().tobytes()}
    assert asked(s3) == ["GetObject"] * 2
    assert photo.sha256() == hashlib.sha256(JPEG).hexdigest()


def test_a_version_stays_readable_after_the_object_was_overwritten(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG, versioned=True)
    photo = take(policy)
    s3.put("member-photos", KEY, OTHER, versioned=True)
    assert photo.read() == JPEG


def test_an_object_overwritten_after_the_request_came_is_another_photo(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG)
    photo = take(policy)
    s3.put("member-photos", KEY, OTHER)
    with pytest.raises(PhotoError, match="changed, or was removed, after the request") as changed:
        photo.read()
    assert (changed.value.code, "u-1" in str(changed.value)) == ("refused", False)


def test_an_object_removed_after_the_request_came_is_said_to_be(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG)
    photo = take(policy)
    policy.objects._client().delete_object(Bucket="member-photos", Key=KEY)
    with pytest.raises(PhotoError, match="changed, or was removed, after the request"):
        photo.image()


def test_damage_behind_the_beginning_is_found_by_the_task_that_looks(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG[:-5000])
    photo = take(policy)
    assert photo.read() == JPEG[:-5000]
    with pytest.raises(PhotoError, match="cut off or damaged"):
        photo.image()


def test_a_picture_of_very_many_scans_is_refused_by_the_task_that_looks(s3: S3, policy: PhotoPolicy) -> None:
    last = OTHER.rindex(b"\xff\xda")
    s3.put("member-photos", KEY, OTHER[:-2] + OTHER[last:-2] * 200 + OTHER[-2:])
    with pytest.raises(PhotoError, match="over 100 scans"):
        take(policy).image()


def test_what_ends_in_the_middle_is_taken_up_there(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG)
    photo = take(policy)
    s3.faults.then(Reset())
    assert photo.read() == JPEG
    assert photo.sha256() == hashlib.sha256(JPEG).hexdigest()
    assert asked(s3) == ["GetObject"] * 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Reset(), "unreachable"),
        (Refuse(), "unreachable"),
        (Status(503), "throttled"),
        (Status(500), "server-error"),
        (Status(403), "credentials"),
        (Status(400), "credentials"),
    ],
    ids=["reset", "refused", "throttled", "broken", "denied", "expired"],
)
def test_a_download_that_fails_is_the_tasks_error_and_is_tried_again_by_the_next(
    s3: S3, policy: PhotoPolicy, fault: object, code: str
) -> None:
    s3.put("member-photos", KEY, JPEG)
    photo = take(policy)
    s3.faults.always(fault)
    with pytest.raises(PhotoError) as failed:
        photo.read()
    assert (failed.value.code, failed.value.attempts) == (code, 0)
    assert "arn:" not in str(failed.value)
    s3.faults.clear()
    assert photo.read() == JPEG


def test_nothing_takes_longer_than_the_request_has(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG)
    take(policy)
    s3.faults.always(Delay(30))
    began = time.perf_counter()
    with pytest.raises(Unavailable) as late:
        take(policy.ending(began + 0.5))
    assert time.perf_counter() - began < 4
    assert (late.value.code, late.value.headers["Retry-After"]) == ("photo-store-unavailable", "5")


def test_when_no_time_is_left_nobody_is_asked(s3: S3, policy: PhotoPolicy) -> None:
    with pytest.raises(Unavailable):
        take(policy.ending(time.perf_counter()))
    assert s3.calls == []


def test_a_store_that_fails_is_no_mistake_of_the_request(s3: S3, policy: PhotoPolicy) -> None:
    """Also where the photo is one of several kinds of value, which pydantic tries one after the other."""
    s3.faults.always(Status(500))
    with pytest.raises(Unavailable):
        intake.read(Request, json.dumps({"photo": {"s3": URI}, "note": 5}), policy)


def test_what_is_left_of_an_object_can_be_asked_for(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG)
    found = take(policy).s3
    assert b"".join(policy.objects.stream(found, 100_000, policy.until)) == JPEG[100_000:]


def test_more_than_was_announced_is_not_taken_in() -> None:
    taken: list[int] = []

    def endless() -> Iterator[bytes]:
        while True:
            taken.append(1)
            yield bytes(1000)

    with pytest.raises(ObjectError, match="larger than it was said to be"):
        collect(endless(), 5500)
    assert len(taken) == 6


def test_a_key_that_climbs_stays_in_its_bucket(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", "a.jpg", JPEG)
    s3.put("secrets", "x.jpg", JPEG)
    for key in ("../secrets/x.jpg", "a/../../secrets/x.jpg", "%2e%2e/secrets/x.jpg", "./a.jpg"):
        with pytest.raises(ValidationError, match="no such object"):
            take(policy, f"s3://member-photos/{key}")
    assert all(call["path"].startswith("/member-photos/") for call in s3.calls)


def test_a_redirect_leads_nowhere(s3: S3, policy: PhotoPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers in S3's place cannot send the service elsewhere."""
    with S3() as elsewhere:
        target = f"{elsewhere.url}/member-photos/a.jpg"
        for status in (301, 302, 307, 308):
            answer = status, s3.error(301), {"Location": target}
            monkeypatch.setattr(s3, "_others", lambda request, answer=answer: answer)
            with pytest.raises(Unavailable) as failed:
                take(policy)
            assert failed.value.code == "photo-store-denied"
        assert len(s3.calls) <= 40
        assert elsewhere.calls == []


def test_a_photo_that_cannot_be_read_does_not_speak_against_who_wanted_it(s3: S3, policy: PhotoPolicy) -> None:
    s3.put("member-photos", KEY, JPEG)
    photo = take(policy)
    s3.faults.always(Status(403))
    bounds = Bounds("google_vision", Limits(failures=2))
    for _ in range(5):
        with pytest.raises(PhotoError), bounds.entered(ANY_TIME):
            photo.read()
    assert not bounds.open
