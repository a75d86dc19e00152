"""A SageMaker endpoint: the body's items through a function, the answer in the form that is asked for."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.emulators.server import Reply, Request

Predict = Callable[[list[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    predict: Predict
    variant: str


def invoke(endpoint: Endpoint, request: Request) -> Reply:
    """InvokeEndpoint: JSON ``{"instances": […]}`` or CSV lines in; ``Accept`` says which of them out."""
    kind = request.headers.get_content_type()
    request.note(content_type=kind)
    items = _lines(request.body) if kind == "text/csv" else request.json()["instances"]
    predicted = endpoint.predict(items)
    asked = request.headers.get("X-Amzn-SageMaker-Target-Variant") or endpoint.variant
    headers = {"x-Amzn-Invoked-Production-Variant": request.version(asked)}
    if request.headers.get("Accept") == "text/csv":
        lines = "".join(",".join(map(str, one if isinstance(one, list) else [one])) + "\n" for one in predicted)
        return 200, lines.encode(), {"Content-Type": "text/csv", **headers}
    return 200, {"predictions": predicted}, {"Content-Type": "application/json", **headers}


def _lines(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode())))
