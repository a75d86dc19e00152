"""What model servers answer for one item, read as a :class:`~chalicelib.models.Prediction`.

The forms are those that servers really use:

    0.83                                         a number
    "spam"                                       a class
    [0.1, 0.9]                                   probabilities of classes 0, 1, …
    {"value": 4.2}                               Vertex AI AutoML, regression
    {"classes": ["a", "b"], "scores": [.4, .6]}  Vertex AI AutoML, classification
    {"predicted_label": 1, "score": 0.83}        SageMaker linear learner
    {"score": 0.83}                              the same, for a regression
    {"value": "spam", "scores": {"spam": 0.9}}   our own
"""

from __future__ import annotations

from math import isfinite
from typing import Any

from pydantic import ValidationError

from chalicelib.errors import ProviderError
from chalicelib.models import Prediction


def prediction(item: Any) -> Prediction:
    """One item's prediction. Raises ProviderError (bad-answer) for any other form, and for NaN and infinity."""
    try:
        return _read(item)
    except (ValidationError, ValueError, TypeError, KeyError, IndexError, OverflowError):
        raise ProviderError("the model's answer is not of a known form", code="bad-answer") from None


def _read(item: Any) -> Prediction:
    if isinstance(item, dict):
        return _of_object(item)
    if isinstance(item, list):
        if len(item) == 1:
            return _read(item[0])
        return _of_classes([str(index) for index in range(len(item))], item)
    return Prediction(value=_value(item))


def _of_object(item: dict[str, Any]) -> Prediction:
    if "classes" in item:
        return _of_classes(item["classes"], item["scores"])
    if "predicted_label" in item:
        score = item["score"]  # of class 1 where there are two classes, else one for each
        scores = score if isinstance(score, list) else [1 - _number(score), score]
        return Prediction(value=_label(item["predicted_label"]), scores=_scores(map(str, range(len(scores))), scores))
    if "scores" in item:
        return Prediction(value=_value(item["value"]), scores={str(k): _number(v) for k, v in item["scores"].items()})
    return Prediction(value=_value(item["value"] if "value" in item else item["score"]))


def _of_classes(classes: list[Any], scores: list[Any]) -> Prediction:
    named = _scores(map(_label, classes), scores)
    return Prediction(value=max(named, key=lambda name: named[name]), scores=named)


def _scores(names: Any, scores: list[Any]) -> dict[str, float]:
    return {name: _number(score) for name, score in zip(names, scores, strict=True)}


def _label(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (str, int, float, bool)):
        return str(value)
    raise ValueError(value)


def _value(value: Any) -> float | str:
    return value if isinstance(value, str) else _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise ValueError(value)
    return float(value)
