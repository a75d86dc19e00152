"""Rekognition's answers about a photo, in its own form, from what the local models see."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image

from chalicelib.photo import Photo, PhotoPolicy
from chalicelib.providers.local import Local

TOO_LARGE = 5 * 1024 * 1024
MAGIC = (b"\xff\xd8\xff", b"\x89PNG")
POLICY = PhotoPolicy(max_bytes=15 * 1024 * 1024)
_LOCAL = Local()
# The labels by which a nude photo is reported, from the top down, by the first digit of the taxonomy's version.
NUDE = {"6": ("Explicit Nudity", "Nudity"), "7": ("Explicit", "Explicit Nudity", "Exposed Female Nipple")}


class AwsError(Exception):
    """Rekognition refuses. The argument is the name of its error."""


def local_models() -> None:
    """Load them."""
    blank = io.BytesIO()
    Image.new("RGB", (100, 100)).save(blank, "PNG")
    photo = Photo.from_bytes(blank.getvalue())
    for capability in (_LOCAL.moderation, _LOCAL.faces, _LOCAL.text):
        capability(photo)


def _moderation(photo: bytes, asked: Mapping[str, Any], taxonomy: str) -> dict[str, Any]:
    confidence = 100 * _LOCAL.moderation(_opened(photo)).result.scores["nudity"]
    labels: list[dict[str, Any]] = []
    for name in NUDE[taxonomy[0]] if confidence >= asked.get("MinConfidence", 50) else ():
        parent = labels[-1]["Name"] if labels else ""
        labels.append({"Name": name, "ParentName": parent, "Confidence": confidence, "TaxonomyLevel": len(labels) + 1})
    return {"ModerationLabels": labels, "ModerationModelVersion": taxonomy, "ContentTypes": []}


def _faces(photo: bytes, asked: Mapping[str, Any], taxonomy: str) -> dict[str, Any]:
    found = _LOCAL.faces(_opened(photo)).result
    return {"FaceDetails": [{"BoundingBox": _box(face.box), "Confidence": 100 * face.confidence} for face in found]}


def _text(photo: bytes, asked: Mapping[str, Any], taxonomy: str) -> dict[str, Any]:
    detections: list[dict[str, Any]] = []
    lines = _LOCAL.text(_opened(photo)).result
    for index, line in enumerate(lines):  # the local reader gives no boxes: one below the other
        place = {"BoundingBox": {"Left": 0.1, "Top": index / len(lines), "Width": 0.8, "Height": 0.5 / len(lines)}}
        said = {"Confidence": 100 * line.confidence, "Geometry": place}
        detections.append({"DetectedText": line.text, "Type": "LINE", "Id": index, **said})
        for word in line.text.split():
            detections.append({"DetectedText": word, "Type": "WORD", "Id": 1000, "ParentId": index, **said})
    return {"TextDetections": detections, "TextModelVersion": _other(taxonomy)}


def _labels(photo: bytes, asked: Mapping[str, Any], taxonomy: str) -> dict[str, Any]:
    """A person where there is a face; no local model knows more."""
    found = _LOCAL.faces(_opened(photo)).result
    labels = [{"Name": "Person", "Confidence": 100 * found[0].confidence, "Parents": []}] if found else []
    return {"Labels": labels, "LabelModelVersion": _other(taxonomy)}


OPERATIONS: dict[str, Callable[[bytes, Mapping[str, Any], str], dict[str, Any]]] = {
    "DetectModerationLabels": _moderation,
    "DetectFaces": _faces,
    "DetectText": _text,
    "DetectLabels": _labels,
}


def _other(taxonomy: str) -> str:
    """The version of the other models: their own, unless a fault gave one."""
    return "3.0" if taxonomy in ("6.1", "7.0") else taxonomy


def _opened(content: bytes) -> Photo:
    if not content.startswith(MAGIC):
        raise AwsError("InvalidImageFormatException")
    return Photo.from_bytes(content, POLICY)


def _box(box: Any) -> dict[str, float]:
    return {"Left": box.left, "Top": box.top, "Width": box.width, "Height": box.height}
