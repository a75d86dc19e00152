"""Photos from strangers: what is accepted, what is refused, and that a refusal costs and leaves nothing."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from api_client import InProcess, MakeApi, OverSocket, Reply, resolve
from api_pictures import asking, bomb, encoded, photo, png, text_bomb

JPEG = encoded("JPEG")
MEGABYTE = 1 << 20

# (what it is, the photo, what the detail says)
REFUSED: list[tuple[str, Any, str]] = [
    ("a cut JPEG", photo(JPEG[: len(JPEG) // 2]), "decoded|cut off"),
    ("a JPEG without its last byte's half", photo(JPEG[:-30]), "cut off"),
    ("a cut PNG", photo(encoded("PNG", (300, 300))[:-40]), "cut off"),
    ("a PNG header alone", photo(encoded("PNG")[:33]), "decoded|cut off|not a JPEG"),
    ("a cut WebP", photo(encoded("WEBP", (300, 300))[:-40]), "cut off|decoded|not a JPEG"),
    ("a PNG of a billion pixels", photo(png(50_000, 20_000)), "too many pixels"),
    ("a PNG as large as PNGs can be", photo(png(2**31 - 1, 2**31 - 1)), "too many pixels|decoded"),
    ("a PNG between limit and library limit", photo(png(10_000, 10_000)), "10000 x 10000 pixels"),
    ("a PNG of one pixel too many", photo(png(40_000_001, 1)), "40000001 x 1 pixels"),
    ("a PNG without height", photo(png(10, 0)), "decoded|cut off|not a JPEG"),
    ("a decompression bomb of pixels", photo(bomb(14_000)), "too many pixels|14000 x 14000"),
    ("a decompression bomb of text", photo(text_bomb(80)), "decoded|cut off"),
    ("a picture and no data", photo(png(5000, 5000)), "cut off"),
    ("text", photo("나는 사진이 아니다".encode()), "not a JPEG"),
    ("zero bytes", photo(b""), "not a JPEG"),
    ("one byte", photo(b"\xff"), "not a JPEG"),
    ("a GIF", photo(encoded("GIF")), "not a JPEG"),
    ("a BMP", photo(encoded("BMP")), "not a JPEG"),
    ("a TIFF", photo(encoded("TIFF")), "not a JPEG"),
    ("an SVG", photo(b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), "not a JPEG"),
    ("a PDF", photo(b"%PDF-1.7\n%%EOF"), "not a JPEG"),
    ("base64 without padding", {"base64": "YQ"}, "not base64"),
    ("base64 with a line break", {"base64": "YWJj\nYWJj"}, "not base64"),
    ("base64url", {"base64": "_-__"}, "not base64"),
    ("base64 in Korean", {"base64": "사진"}, "not base64"),
    ("a data URL", {"base64": "data:image/png;base64,YWJj"}, "not base64"),
    ("15 MB of base64", {"base64": "A" * (15 * MEGABYTE)}, "over 10485760 bytes"),
    ("20 MB of base64", {"base64": "A" * (20 * MEGABYTE)}, "over 10485760 bytes"),
    ("two sources", {**photo(JPEG), "sample": "portrait.jpg"}, "exactly one"),
    ("no source", {}, "exactly one"),
    ("an unknown source", {"file": "portrait.jpg"}, "no source"),
    ("an unknown source with an odd name", {"\0/~": "x"}, "no source"),
    ("a bucket", {"s3": "s3://member-photos/a.jpg"}, "bucket"),
    ("a web address", {"url": "http://127.0.0.1:1/a.jpg"}, "no source"),
    ("a web address as bucket", {"s3": "http://127.0.0.1:1/a.jpg"}, "bucket"),
    ("a web address as sample", {"sample": "http://127.0.0.1:1/a.jpg"}, "no sample"),
    ("a file address as sample", {"sample": "file:///etc/passwd"}, "no sample"),
    ("a web address as base64", {"base64": "http://127.0.0.1:1/a.jpg"}, "not base64"),
    ("a sample that is not there", {"sample": "nobody.jpg"}, "no sample"),
    ("a sample above the folder", {"sample": "../labels.csv"}, "no sample"),
    ("a sample far above the folder", {"sample": "../../../../../../etc/passwd"}, "no sample"),
    ("a sample below a folder", {"sample": "a/b"}, "no sample"),
    ("a sample by its absolute path", {"sample": "/etc/passwd"}, "no sample"),
    ("a sample of NUL", {"sample": "portrait.jpg\0"}, "no sample"),
    ("the sample folder itself", {"sample": "."}, "no sample"),
    ("the folder above", {"sample": ".."}, "no sample"),
    ("a sample without name", {"sample": ""}, "no sample"),
    ("a sample with a very long name", {"sample": "a" * 5000}, "no sample"),
    ("a sample with a long Korean name", {"sample": "가" * 200}, "no sample"),
    ("a sample that is no picture", {"sample": "labels.csv"}, "not a JPEG"),
    ("a number as content", {"base64": 5}, "must be a string"),
    ("a list as content", {"base64": ["YQ=="]}, "must be a string"),
    ("nothing as content", {"sample": None}, "must be a string"),
    ("a text as photo", "portrait.jpg", "exactly one"),
    ("a list as photo", [photo(JPEG)], "exactly one"),
    ("nothing as photo", None, "exactly one"),
    (
        "the stored form of a photo",
        {"digest": "sha256:" + "0" * 64, "format": "jpeg", "size": 1, "width": 1, "height": 1},
        "exactly one",
    ),
]

# (what it is, the picture, its format, its pixels)
ACCEPTED = [
    ("JPEG", JPEG, "jpeg", 64 * 48),
    ("PNG", encoded("PNG"), "png", 64 * 48),
    ("WebP", encoded("WEBP"), "webp", 64 * 48),
    ("1 x 1", encoded("PNG", (1, 1)), "png", 1),
    ("1 x 1 JPEG", encoded("JPEG", (1, 1)), "jpeg", 1),
    ("a thin line", encoded("PNG", (3000, 1)), "png", 3000),
    ("black and white", encoded("PNG", mode="1"), "png", 64 * 48),
    ("a palette", encoded("PNG", mode="P"), "png", 64 * 48),
    ("grey with alpha", encoded("PNG", mode="LA"), "png", 64 * 48),
    ("with alpha", encoded("PNG", mode="RGBA"), "png", 64 * 48),
    ("16 bits", encoded("PNG", mode="I;16"), "png", 64 * 48),
    ("for print", encoded("JPEG", mode="CMYK"), "jpeg", 64 * 48),
    ("followed by something", JPEG + b"<?php ?>", "jpeg", 64 * 48),
]


def check_refused(reply: Reply, body: Any, words: str) -> None:
    (error,) = reply.problem(422, "invalid-request")["errors"]
    assert error["pointer"] == "/photo"
    resolve(error["pointer"], body)
    assert any(word in error["detail"] for word in words.split("|")), error
    assert len(reply.content) < 8000


@pytest.mark.parametrize(("value", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_photo_that_cannot_be_used_is_refused_at_once(api: InProcess, value: Any, words: str) -> None:
    body = asking(value)
    started = time.perf_counter()
    check_refused(api.decide("photo-probe", body), body, words)
    assert time.perf_counter() - started < 5
    assert api.rows() == (0, 0)


@pytest.mark.parametrize(("data", "kind", "pixels"), [case[1:] for case in ACCEPTED], ids=[c[0] for c in ACCEPTED])
def test_a_picture_of_any_kind_and_size_is_the_business_of_the_use_case(
    api: InProcess, data: bytes, kind: str, pixels: int
) -> None:
    decision = api.decide("photo-probe", asking(photo(data))).json["decision"]
    assert decision == {"outcome": "seen", "format": kind, "pixels": pixels}


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    folder.mkdir()
    return folder


@pytest.fixture
def sampled(make_api: MakeApi, api: InProcess, samples: Path) -> InProcess:
    return make_api(photos=replace(api.service.settings.photos, samples=samples))


def test_content_decides_the_format_not_the_name(sampled: InProcess, samples: Path) -> None:
    (samples / "picture.jpg").write_bytes(encoded("PNG"))
    (samples / "고양이.png").write_bytes(JPEG)
    assert sampled.decide("photo-probe", asking({"sample": "picture.jpg"})).json["decision"]["format"] == "png"
    assert sampled.decide("photo-probe", asking({"sample": "고양이.png"})).json["decision"]["format"] == "jpeg"


def test_a_sample_is_bound_by_the_limits_too(sampled: InProcess, samples: Path) -> None:
    (samples / "large.png").write_bytes(png(50_000, 20_000))
    (samples / "heavy.jpg").write_bytes(JPEG + bytes(10 * MEGABYTE))
    for name, words in (("large.png", "too many pixels"), ("heavy.jpg", "limit is 10485760")):
        body = asking({"sample": name})
        check_refused(sampled.decide("photo-probe", body), body, words)


def test_a_folder_among_the_samples_is_no_sample(sampled: InProcess, samples: Path) -> None:
    (samples / "folder.jpg").mkdir()
    body = asking({"sample": "folder.jpg"})
    check_refused(sampled.decide("photo-probe", body), body, "no sample")


def test_samples_are_for_the_local_stage_only(make_api: MakeApi) -> None:
    keys = json.dumps({"backend": {"sha256": "0" * 64, "use_cases": ["*"]}})
    api = make_api({"ARTEMIS_STAGE": "production", "ARTEMIS_API_KEYS": keys}, api_keys=())
    from chalicelib.errors import Invalid
    from chalicelib.service import LOCAL_CLIENT

    with pytest.raises(Invalid) as refused:
        api.service.decide(LOCAL_CLIENT, "photo_probe", json.dumps(asking({"sample": "portrait.jpg"})))
    assert [error["pointer"] for error in refused.value.errors] == ["/photo"]


def test_the_limits_are_what_the_stage_says(make_api: MakeApi, api: InProcess) -> None:
    small = make_api(photos=replace(api.service.settings.photos, max_bytes=len(JPEG) - 1, max_pixels=10))
    body = asking(photo(JPEG))
    check_refused(small.decide("photo-probe", body), body, "limit is")
    exact = make_api(photos=replace(api.service.settings.photos, max_bytes=len(JPEG), max_pixels=64 * 48))
    assert exact.decide("photo-probe", body).status == 200


def test_hostile_photos_over_a_real_connection_are_refused_the_same_way(wire: OverSocket) -> None:
    before = wire.rows()
    for _, value, words in REFUSED:
        if not (isinstance(value, dict) and value.keys() == {"sample"}):  # that project has none
            check_refused(wire.decide("photo-probe", asking(value)), asking(value), words)
    assert wire.rows() == before
    assert wire.decide("photo-probe", asking(photo(JPEG))).status == 200


def test_a_body_beyond_every_limit_is_refused_before_it_is_read(wire: OverSocket) -> None:
    body = json.dumps(asking({"base64": base64.b64encode(bytes(26 * MEGABYTE)).decode()}))
    wire.decide("photo-probe", body).problem(413, "too-large")
