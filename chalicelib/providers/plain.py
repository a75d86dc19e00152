"""The plain form of answers over HTTP, read into our results. ``chalicelib.providers.http`` documents it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from chalicelib.asking import UNREPORTED
from chalicelib.errors import ProviderError
from chalicelib.models import Box, Face, Label, Moderation, Prediction, TextLine
from chalicelib.predictions import prediction

NOISE = 1e-6  # what rounding may do to a number between 0 and 1
Read = tuple[Any, str, str]  # the result, its model and the model's version


def read(capability: str, content: Any, items: int, name: str, classes: Sequence[str] = ()) -> Read:
    """The result, model and version that a server answered. ``name``: of the model, where the answer has none.

    ``classes``: the names of a predicting model's classes, where they are not to be its own.

    Raises ProviderError (bad-answer) for what is not of the documented form.
    """
    try:
        result = content["result"] if "result" in content else content["predictions"]
        found = _predictions(result, classes) if capability == "predict" else _READERS[capability](result)
        if capability in ("embedding", "predict") and len(found) != items:
            raise ProviderError(f"{len(found)} results are no answer to {items} items", code="bad-answer")
        return found, _text(content.get("model") or name), _version(content.get("version"))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise ProviderError(f"the answer is not of the form of {capability}", code="bad-answer") from None


def _moderation(result: Any) -> Moderation:
    return Moderation(scores={name: _unit(score) for name, score in result["scores"].items()})


def _faces(result: Any) -> list[Face]:
    found = [Face(box=_box(**face["box"]), confidence=_unit(face["confidence"])) for face in _list(result)]
    return sorted(found, key=lambda face: -face.confidence)


def _lines(result: Any) -> list[TextLine]:
    return [TextLine(text=_text(line["text"]), confidence=_unit(line["confidence"])) for line in _list(result)]


def _labels(result: Any) -> list[Label]:
    return [Label(name=_text(label["name"]).lower(), confidence=_unit(label["confidence"])) for label in _list(result)]


def _vectors(result: Any) -> list[list[float]]:
    vectors = [[_number(element) for element in _list(vector)] for vector in _list(result)]
    if len({len(vector) for vector in vectors}) > 1 or [] in vectors:
        raise ValueError
    return vectors


def _predictions(result: Any, classes: Sequence[str]) -> list[Prediction]:
    return [prediction(item, classes) for item in _list(result)]


_READERS: dict[str, Callable[[Any], Any]] = {
    "moderation": _moderation,
    "faces": _faces,
    "text": _lines,
    "labels": _labels,
    "embedding": _vectors,
}


def _box(left: Any, top: Any, width: Any, height: Any) -> Box:
    """A box; what lies outside of the picture is cut off. Larger than the picture: it is in pixels, a ValueError."""
    left, top, width, height = (_number(side) for side in (left, top, width, height))
    right, bottom = min(1.0, left + width), min(1.0, top + height)
    inside = Box(left=max(0.0, left), top=max(0.0, top), width=right - max(0.0, left), height=bottom - max(0.0, top))
    if max(width, height) > 1 + NOISE or min(inside.width, inside.height) <= 0:
        raise ValueError
    return inside


def _unit(value: Any) -> float:
    if not -NOISE <= _number(value) <= 1 + NOISE:
        raise ValueError
    return min(1.0, max(0.0, float(value)))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:  # a NUL cannot be stored
        raise ValueError
    return value


def _version(value: Any) -> str:
    if value is None:
        return UNREPORTED
    return str(value) if isinstance(value, (int, float)) else _text(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value
