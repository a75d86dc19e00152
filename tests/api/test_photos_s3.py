"""Photos by their place in S3, as a caller meets them: decided, refused without a look, or to be asked again."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import random
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_client import InProcess, MakeApi, resolve
from api_pictures import asking, encoded, photo, png
from PIL import Image

from tests.emulators.faults import Refuse, Reset, Status
from tests.emulators.s3 import S3

ROOT = Path(__file__).resolve().parents[2]
MEGABYTE = 1 << 20
ALLOWED = ("member-photos", "other.photos")
TURNED = Image.Exif()
TURNED[0x0112] = 6

# What looks like a way to another machine, file or bucket.
ELSEWHERE = [
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "https://member-photos.s3.eu-west-1.amazonaws.com/a.jpg?X-Amz-Signature=0",
    "https://evil.example/a.jpg",
    "//evil.example/a.jpg",
    "file:///etc/passwd",
    "ftp://evil.example/a.jpg",
    "gopher://127.0.0.1:6379/_INFO",
    "data:image/png;base64,YWJj",
    "gs://member-photos/a.jpg",
    "s3a://member-photos/a.jpg",
    "s3n://member-photos/a.jpg",
    "S3://member-photos/a.jpg",
    " s3://member-photos/a.jpg",
    "s3:/member-photos/a.jpg",
    "s3:member-photos/a.jpg",
    "s3:///member-photos/a.jpg",
    "s3://member-photos",
    "s3://member-photos/",
    "s3://",
    "",
    "member-photos/a.jpg",
    "s3://member-photos@evil.example/a.jpg",
    "s3://evil@member-photos/a.jpg",
    "s3://user:password@member-photos/a.jpg",
    "s3://member-photos:80/a.jpg",
    "s3://member-photos.evil.example/a.jpg",
    "s3://evil.example#member-photos/a.jpg",
    "s3://evil?member-photos/a.jpg",
    "s3://member-photos\\@evil/a.jpg",
    "s3://%6dember-photos/a.jpg",
    "s3://Member-Photos/a.jpg",
    "s3://member-photos\n/a.jpg",
    "s3://member-photos./a.jpg",
    "s3://../a.jpg",
    "s3://*/a.jpg",
    "s3://otherXphotos/a.jpg",
    "s3://ｍember-photos/a.jpg",
    "s3://127.0.0.1:1/a.jpg",
    "s3://arn:aws:s3:::member-photos/a.jpg",
    "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/member-photos/a.jpg",
    "s3://member-photos-123456789012-s3alias/a.jpg",
    "s3://member-photos--euw1-az1--x-s3/a.jpg",
    "s3://member-photos/" + "가" * 342,
    "s3://member-photos/a\0.jpg",
]
OTHER_SOURCES: list[Any] = [
    {"url": "http://169.254.169.254/"},
    {"href": "https://evil.example/a.jpg"},
    {"s3": "s3://member-photos/a.jpg", "url": "https://evil.example/"},
    {"s3": ["s3://member-photos/a.jpg"]},
    {"s3": {"bucket": "member-photos", "key": "a.jpg"}},
    {"s3": None},
    "s3://member-photos/a.jpg",
]


def noise(side: int, kind: str = "JPEG", **options: Any) -> bytes:
    """A picture, twice as wide as high, that no format makes small."""
    picture = Image.frombytes("RGB", (side, side // 2), random.Random(1).randbytes(side * (side // 2) * 3))
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


LARGE = noise(800, quality=95, exif=TURNED.tobytes())


@pytest.fixture
def api(make_api: MakeApi, s3: S3) -> InProcess:
    plain = make_api()
    settings = plain.service.settings
    plain.service.settings = replace(settings, photos=replace(settings.photos, buckets=ALLOWED, objects=s3.objects))
    return plain


def in_s3(uri: str) -> dict[str, Any]:
    return asking({"s3": uri})


def refusal(api: InProcess, body: Any) -> str:
    (error,) = api.decide("photo-probe", body).problem(422, "invalid-request")["errors"]
    assert error["pointer"] == "/photo"
    resolve(error["pointer"], body)
    assert api.rows() == (0, 0)
    return str(error["detail"])


@pytest.mark.parametrize("key", ["a.jpg", "회원/사진 1.jpg", "100%25/a+b&c=d.jpg", "/a", "a//b", "a/../b", "가" * 341])
def test_a_photo_is_decided_on_by_its_place_whatever_its_key(api: InProcess, s3: S3, key: str) -> None:
    s3.put("member-photos", key, LARGE)
    decision = api.decide("photo-probe", in_s3(f"s3://member-photos/{key}")).json["decision"]
    assert decision == {"outcome": "seen", "format": "jpeg", "pixels": 800 * 400}
    assert {call["path"] for call in s3.calls} == {f"/member-photos/{key}"}


def test_nothing_in_a_key_is_more_than_a_part_of_its_name(api: InProcess, s3: S3) -> None:
    s3.faults.always(Status(404))
    refusal(api, in_s3("s3://member-photos/a?versionId=1&acl#b"))
    assert [(call["path"], call["query"]) for call in s3.calls] == [("/member-photos/a?versionId=1&acl#b", "")]


@pytest.mark.parametrize("uri", ELSEWHERE)
def test_nothing_but_an_allowed_bucket_is_ever_asked(api: InProcess, s3: S3, uri: str) -> None:
    detail = refusal(api, in_s3(uri))
    assert "s3://bucket/key" in detail or "not one that this stage allows" in detail or "over 1024 bytes" in detail
    assert s3.calls == []


@pytest.mark.parametrize("value", OTHER_SOURCES, ids=str)
def test_no_other_source_is_one(api: InProcess, s3: S3, value: Any) -> None:
    refusal(api, asking(value))
    assert s3.calls == []


# (what it is, what lies there, what the detail says)
USELESS = [
    ("nothing", b"", "not a JPEG"),
    ("text", "사진이 아니다".encode(), "not a JPEG"),
    ("a megabyte of nothing", bytes(MEGABYTE), "not a JPEG"),
    ("a GIF", encoded("GIF"), "not a JPEG"),
    ("a cut JPEG", encoded("JPEG")[:-100], "cut off"),
    ("a cut WebP", noise(600, "WEBP", quality=100)[:-5000], "cannot be decoded|cut off|not a JPEG"),
    ("a PNG of a billion pixels", png(50_000, 20_000) + bytes(MEGABYTE), "too many pixels"),
    ("a PNG between limit and library limit", png(10_000, 9_000) + bytes(MEGABYTE), "10000 x 9000 pixels"),
]


@pytest.mark.parametrize(("data", "words"), [case[1:] for case in USELESS], ids=[case[0] for case in USELESS])
def test_what_is_no_photo_is_refused(api: InProcess, s3: S3, data: bytes, words: str) -> None:
    s3.put("member-photos", "a.jpg", data)
    detail = refusal(api, in_s3("s3://member-photos/a.jpg"))
    assert any(word in detail for word in words.split("|")), detail


def test_a_bomb_is_refused_from_its_header(api: InProcess, s3: S3) -> None:
    s3.put("member-photos", "a.png", png(50_000, 20_000) + bytes(5 * MEGABYTE))
    refusal(api, in_s3("s3://member-photos/a.png"))
    assert [call["operation"] for call in s3.calls] == ["GetObject"]
    assert s3.sent <= 256 * 1024


def test_what_is_too_large_is_not_downloaded(api: InProcess, s3: S3) -> None:
    s3.put("member-photos", "a.jpg", LARGE + bytes(200 * MEGABYTE))
    detail = refusal(api, in_s3("s3://member-photos/a.jpg"))
    assert detail == f"the photo has {len(LARGE) + 200 * MEGABYTE} bytes; the limit is 10485760"
    assert [call["operation"] for call in s3.calls] == ["GetObject"]
    assert s3.sent <= 256 * 1024


def test_a_key_that_is_not_there_is_the_callers_mistake(api: InProcess, s3: S3) -> None:
    s3.put("member-photos", "a.jpg", LARGE)
    assert refusal(api, in_s3("s3://member-photos/b.jpg")) == "there is no such object"


@pytest.mark.parametrize(
    ("fault", "code", "seconds"),
    [
        (Status(403), "photo-store-denied", "60"),
        (Status(400), "photo-store-denied", "60"),  # an expired token
        (Status(503), "photo-store-unavailable", "5"),
        (Status(500), "photo-store-unavailable", "5"),
        (Refuse(), "photo-store-unavailable", "5"),
        (Reset(), "photo-store-unavailable", "5"),
    ],
    ids=["denied", "expired", "throttled", "broken", "refused", "reset"],
)
def test_a_store_that_fails_is_not_the_callers_mistake(
    api: InProcess, s3: S3, caplog: pytest.LogCaptureFixture, fault: object, code: str, seconds: str
) -> None:
    s3.put("member-photos", "u-1/secret.jpg", LARGE)
    s3.faults.always(fault)
    with caplog.at_level(logging.WARNING, "artemis"):
        reply = api.decide("photo-probe", in_s3("s3://member-photos/u-1/secret.jpg"))
    problem = reply.problem(503, code)
    assert reply.headers["retry-after"] == seconds
    assert "photos in S3" in caplog.text
    for word in ("secret", "arn:", "testing", "Signature"):
        assert word not in problem["detail"] + caplog.text
    assert api.rows() == (0, 0)


def test_a_bucket_that_is_not_there_is_the_stages_mistake(api: InProcess) -> None:
    api.decide("photo-probe", in_s3("s3://other.photos/a.jpg")).problem(503, "photo-store-denied")


def test_a_download_that_fails_later_is_a_failed_task(api: InProcess, s3: S3) -> None:
    s3.put("member-photos", "a.jpg", LARGE)
    s3.faults.then(None)
    s3.faults.then(Status(403))
    problem = api.decide("photo-probe", in_s3("s3://member-photos/a.jpg")).problem(502, "task-failed")
    assert problem["step"] == "shape"


INLINE = """
import json, sys
from dataclasses import replace
from chalicelib.buckets import Buckets
from chalicelib.photo import Photo, PhotoPolicy, Upload
from pydantic import TypeAdapter
policy = PhotoPolicy(buckets=("member-photos",), upload=Upload("member-photos"), objects=Buckets())
TypeAdapter(Photo).validate_json(sys.stdin.read(), context=policy)
print(json.dumps([name for name in sys.modules if name.partition(".")[0] in ("boto3", "botocore", "urllib3")]))
"""


def test_who_asks_for_no_photo_in_s3_loads_no_client() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ended = subprocess.run(
        [sys.executable, "-c", INLINE],
        cwd=ROOT,
        env=environment,
        input=json.dumps({"base64": base64.b64encode(encoded("JPEG")).decode()}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == []


def test_a_photo_that_was_sent_leaves_the_record_it_always_left(api: InProcess) -> None:
    assert api.decide("photo-probe", asking(photo(encoded("JPEG")))).status == 200
    with sqlite3.connect(api.database) as connection:
        ((record,),) = connection.execute("SELECT request FROM decisions").fetchall()
    assert json.loads(record)["photo"].keys() == {"digest", "format", "size", "width", "height"}
