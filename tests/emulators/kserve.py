"""A model server: the Open Inference Protocol under /v2, our plain form under /plain, and a bearer token if wanted.

Models: "linear" predicts ``1·x1 + 2·x2 + …`` over an item's columns, in the order in which they come (a text counts by
its length); "logistic" gives the class and the probabilities that follow from it. What it judges of photos is the same
for every photo; a text's vector follows from its hash.
"""

from __future__ import annotations

import base64
import hashlib
import math
from itertools import chain
from typing import Any

from tests.emulators.server import Emulator, Reply, Request, Route

MODELS = ("linear", "logistic")
VERSION = "1"
OF_PHOTOS = {
    "moderation": {"scores": {"nudity": 0.01, "violence": 0.02}},
    "faces": [
        {"box": {"left": 0.7, "top": 0.1, "width": 0.1, "height": 0.2}, "confidence": 0.9},
        {"box": {"left": 0.1, "top": 0.2, "width": 0.3, "height": 0.4}, "confidence": 0.99},
    ],
    "text": [{"text": "Hello", "confidence": 0.98}],
    "labels": [{"name": "Dog", "confidence": 0.97}],
}
Refusal = tuple[int, Any, dict[str, str]]


class KServe(Emulator):
    """Args: ``token``: what a request must bear; None: nobody is asked for one."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__()
        self.token = token

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/v2", self.server_metadata, faulty=False),
            Route("GET", "/v2/health/live", self.live, faulty=False),
            Route("GET", "/v2/health/ready", self.live, faulty=False),
            Route("GET", "/v2/models/{model}", self.model_metadata, faulty=False),
            Route("GET", "/v2/models/{model}/ready", self.model_metadata, faulty=False),
            Route("POST", "/v2/models/{model}/infer", self.infer),
            Route("POST", "/v2/models/{model}/versions/{version}/infer", self.infer),
            Route("POST", "/plain/models/{model}", self.predict),
            Route("POST", "/plain/embedding", self.embedding),
            Route("POST", "/plain/{capability}", self.judge),
        ]

    def error(self, status: int) -> Any:
        return {"error": "as the test wants it"}

    def server_metadata(self, request: Request) -> Reply:
        return 200, {"name": "emulator", "version": "0", "extensions": []}, {}

    def live(self, request: Request) -> Reply:
        return 200, {"live": True, "ready": True}, {}

    def model_metadata(self, request: Request) -> Reply:
        name = request.names["model"]
        if name not in MODELS:
            return 404, {"error": "no such model"}, {}
        return 200, {"name": name, "versions": [VERSION], "platform": "emulator", "ready": True}, {}

    def infer(self, request: Request) -> Reply:
        name = request.names["model"]
        if refusal := self._refusal(request, name in MODELS and request.names.get("version", VERSION) == VERSION):
            return refusal
        inputs = request.json()["inputs"]
        if not inputs or any(len(tensor["data"]) != math.prod(tensor["shape"]) for tensor in inputs):
            return 400, {"error": "data and shape of an input differ"}, {}
        request.note(tensors=[(tensor["name"], tensor["datatype"], tensor["shape"]) for tensor in inputs])
        items = list(zip(*(_rows(tensor) for tensor in inputs), strict=True))
        values = [_linear(list(chain.from_iterable(rows))) for rows in items]
        outputs = _logistic(values) if name == "logistic" else [_tensor("predict", "FP64", [len(values)], values)]
        return 200, {"model_name": name, "model_version": request.version(VERSION), "outputs": outputs}, {}

    def predict(self, request: Request) -> Reply:
        name = request.names["model"]
        if refusal := self._refusal(request, name in MODELS):
            return refusal
        instances = request.json()["instances"]
        request.note(items=len(instances))
        values = [_linear(list(item.values())) for item in instances]
        if name == "linear":
            return self._answer(request, name, values)
        return self._answer(request, name, [[1 - _probability(value), _probability(value)] for value in values])

    def embedding(self, request: Request) -> Reply:
        if refusal := self._refusal(request):
            return refusal
        texts = request.json()["texts"]
        request.note(items=len(texts))
        vectors = [[byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]] for text in texts]
        return self._answer(request, "hash", vectors)

    def judge(self, request: Request) -> Reply:
        capability = request.names["capability"]
        if refusal := self._refusal(request, capability in OF_PHOTOS):
            return refusal
        photo = request.json()["photo"]
        if "base64" in photo:
            request.note(bytes=len(base64.b64decode(photo["base64"], validate=True)))
        else:
            request.note(reference=photo)
        return self._answer(request, "constant", OF_PHOTOS[capability])

    def _refusal(self, request: Request, known: bool = True) -> Refusal | None:
        if self.token is not None and request.headers["Authorization"] != f"Bearer {self.token}":
            return 401, {"error": "a token is needed"}, {}
        return None if known else (404, {"error": "no such model"}, {})

    def _answer(self, request: Request, model: str, result: Any) -> Reply:
        return 200, {"result": result, "model": model, "version": request.version(VERSION)}, {}


def _rows(tensor: dict[str, Any]) -> list[list[Any]]:
    width = math.prod(tensor["shape"][1:])
    return [tensor["data"][start : start + width] for start in range(0, len(tensor["data"]), width)]


def _linear(row: list[Any]) -> float:
    numbers = (len(value) if isinstance(value, str) else float(value) for value in row)
    return sum(weight * number for weight, number in enumerate(numbers, start=1))


def _probability(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def _logistic(values: list[float]) -> list[dict[str, Any]]:
    pairs = [[1 - _probability(value), _probability(value)] for value in values]
    labels = [[int(value > 0)] for value in values]
    return [
        _tensor("label", "INT64", [len(values), 1], labels),
        _tensor("probabilities", "FP64", [len(values), 2], pairs),
    ]


def _tensor(name: str, datatype: str, shape: list[int], data: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}
