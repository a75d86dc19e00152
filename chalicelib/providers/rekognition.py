"""Amazon Rekognition: moderation, faces, text and labels of a photo, one operation each. Charged by picture.

``model`` is the operation's name, ``version`` what Rekognition reports of its model; DetectFaces reports none.

A photo in S3 is passed by reference, and Rekognition reads it with the caller's permissions: the bucket must lie in
Rekognition's region. In a bucket that keeps no versions it sees what lies there by then. Other photos are sent along,
5 MB at most. JPEG and PNG are all that it takes; what else we accept is sent as JPEG, so a WebP by reference is read
after all.

Rekognition applies the EXIF orientation of a JPEG and gives boxes in the picture as it is displayed, which is our
contract; it ignores the orientation that a PNG may carry, so such a PNG is sent upright (by reference it cannot be).
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from chalicelib.asking import ANY_TIME, UNREPORTED, Answer, Asking
from chalicelib.errors import ProviderError
from chalicelib.models import Box, Face, Label, Moderation, TextLine
from chalicelib.providers import rekognition_taxonomy as taxonomy
from chalicelib.providers.aws import AwsSettings, attempts, call, client

MAX_BYTES = 5 * 1024 * 1024  # of a photo that is sent along; by reference 15 MB
QUALITY = 90  # of a photo that is sent as JPEG

Percent = Annotated[float, Field(ge=0, le=100.01, allow_inf_nan=False)]  # 100 is a float32 and may be a little more
Finite = Annotated[float, Field(allow_inf_nan=False)]
Category = Literal[
    "nudity", "suggestive", "violence", "disturbing", "drugs", "tobacco", "alcohol", "gambling", "hate", "rude", "spoof"
]
T = TypeVar("T", bound=BaseModel)


class Rekognition:
    """Moderation, faces, text and labels. Safe to call from many threads."""

    MANAGED = True
    UNVERSIONED = frozenset({"faces"})  # of these no version is reported

    class Settings(AwsSettings):
        """Confidences are fractions, as everywhere here."""

        min_confidence: float = Field(
            0.1, ge=0, le=1, description="moderation labels below it are not reported: their categories score 0"
        )
        label_min_confidence: float = Field(0.55, ge=0, le=1, description="labels below it are not reported")
        max_labels: int = Field(100, ge=1, le=1000, description="labels of one photo at most, the surest first")
        moderation_labels: dict[str, Category | None] = Field(
            {}, description="moderation label -> category, for labels newer than our table; null: it counts for nothing"
        )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings = self.Settings.model_validate(settings or {})

    def moderation(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Ten categories; one that Rekognition does not report scores 0: it is below ``min_confidence``.

        Raises:
            ProviderError: also "bad-answer" for a label that ``rekognition_taxonomy`` does not know.
        """
        least = self.settings.min_confidence * 100
        said, tried = self._ask("DetectModerationLabels", _Moderated, photo, asking, MinConfidence=least)
        try:
            scores = taxonomy.scores(said.ModerationLabels, self.settings.moderation_labels)
        except taxonomy.UnknownLabel as unknown:
            raise ProviderError(_unknown(str(unknown)), code="bad-answer", attempts=tried) from None
        version = said.ModerationModelVersion
        return Answer(Moderation(scores=scores), "DetectModerationLabels", version, attempts=tried)

    def faces(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Every face that Rekognition finds, most confident first. A box is cut off at the picture's edges."""
        said, tried = self._ask("DetectFaces", _Faced, photo, asking, Attributes=["DEFAULT"])
        faces = [Face(box=_box(face.BoundingBox), confidence=_fraction(face.Confidence)) for face in said.FaceDetails]
        faces.sort(key=lambda face: (-face.confidence, face.box.left, face.box.top))
        return Answer(faces, "DetectFaces", UNREPORTED, attempts=tried)

    def text(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Lines of text, up to 100 words in all: top to bottom, what stands on one height left to right."""
        said, tried = self._ask("DetectText", _Written, photo, asking)
        lines = _reading_order([found for found in said.TextDetections if found.Type == "LINE"])
        found = [TextLine(text=line.DetectedText, confidence=_fraction(line.Confidence)) for line in lines]
        return Answer(found, "DetectText", said.TextModelVersion, attempts=tried)

    def labels(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """What the photo shows, surest first, of Rekognition's own taxonomy in lower case."""
        most, least = self.settings.max_labels, self.settings.label_min_confidence * 100
        said, tried = self._ask("DetectLabels", _Labelled, photo, asking, MaxLabels=most, MinConfidence=least)
        labels = [Label(name=label.Name.lower(), confidence=_fraction(label.Confidence)) for label in said.Labels]
        labels.sort(key=lambda label: (-label.confidence, label.name))
        return Answer(labels, "DetectLabels", said.LabelModelVersion, attempts=tried)

    def _ask(self, operation: str, form: type[T], photo: Any, asking: Asking, **more: Any) -> tuple[T, int]:
        image = _image(photo)
        method = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).lower()
        response = call(client("rekognition", self.settings), method, asking, Image=image, **more)
        try:
            return form.model_validate(response), attempts(response)
        except ValidationError as error:
            place = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
            what = f"rekognition {operation} answered in another form than documented, at {place}"
            raise ProviderError(what, code="bad-answer", attempts=attempts(response)) from None


# What of the answers is used; any other form of it is an error: a list left out is not an empty one.


class _ModerationLabel(BaseModel):
    Name: str
    Confidence: Percent
    ParentName: str = ""


class _Moderated(BaseModel):
    ModerationLabels: list[_ModerationLabel]
    ModerationModelVersion: str = UNREPORTED


class _BoundingBox(BaseModel):
    Left: Finite
    Top: Finite
    Width: Annotated[Finite, Field(ge=0)]
    Height: Annotated[Finite, Field(ge=0)]


class _FaceDetail(BaseModel):
    BoundingBox: _BoundingBox
    Confidence: Percent


class _Faced(BaseModel):
    FaceDetails: list[_FaceDetail]


class _Geometry(BaseModel):
    BoundingBox: _BoundingBox


class _TextDetection(BaseModel):
    DetectedText: str
    Type: Literal["LINE", "WORD"]
    Confidence: Percent
    Geometry: _Geometry


class _Written(BaseModel):
    TextDetections: list[_TextDetection]
    TextModelVersion: str = UNREPORTED


class _Label(BaseModel):
    Name: str
    Confidence: Percent


class _Labelled(BaseModel):
    Labels: list[_Label]
    LabelModelVersion: str = UNREPORTED


def _image(photo: Any) -> dict[str, Any]:
    """The photo as an ``Image`` argument: a reference to S3 where there is one, else its bytes."""
    place, kind = getattr(photo, "s3", None), getattr(photo, "format", None)
    if place is not None and kind != "webp":
        version = {"Version": place.version} if place.version else {}
        return {"S3Object": {"Bucket": place.bucket, "Name": place.key, **version}}
    data = photo.read()
    if kind == "webp" or (kind == "png" and b"eXIf" in data):
        data = _as_jpeg(photo.image())
    if len(data) > MAX_BYTES:
        raise ProviderError(
            f"rekognition takes {MAX_BYTES} bytes of a photo that is sent along, this one has {len(data)};"
            " with photos: {upload: …} in the stage file it is put in S3 and passed by reference",
            code="refused",
            attempts=0,
        )
    return {"Bytes": data}


def _as_jpeg(picture: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=QUALITY)
    return data.getvalue()


def _unknown(name: str) -> str:
    shown = name if re.fullmatch(r"[A-Za-z][A-Za-z&,' -]{,60}", name) else "an odd one"
    return (
        f"rekognition reported a moderation label of no known category ({shown});"
        " say what it means under moderation_labels in the settings of rekognition"
    )


def _fraction(percent: float) -> float:
    return round(min(percent / 100, 1.0), 6)


def _box(box: _BoundingBox) -> Box:
    """Rekognition's boxes reach over the edges where a face is cut off by them."""
    left, right = (min(1.0, max(0.0, x)) for x in (box.Left, box.Left + box.Width))
    top, bottom = (min(1.0, max(0.0, y)) for y in (box.Top, box.Top + box.Height))
    return Box(left=round(left, 6), top=round(top, 6), width=round(right - left, 6), height=round(bottom - top, 6))


def _reading_order(lines: list[_TextDetection]) -> list[_TextDetection]:
    """Top to bottom. A line whose middle is beside the first one of a row is of that row: left to right."""
    rows: list[list[_TextDetection]] = []
    for line in sorted(lines, key=lambda line: line.Geometry.BoundingBox.Top):
        box = line.Geometry.BoundingBox
        first = rows[-1][0].Geometry.BoundingBox if rows else None
        if first and box.Top + box.Height / 2 < first.Top + first.Height:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.Geometry.BoundingBox.Left)]
