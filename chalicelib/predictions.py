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

Where the stage file names a model's ``classes``, those are the names of the classes "0", "1", … in order. A whole
number is then a class, and of two classes a fraction is the probability of the second: what XGBoost's binary:logistic
answers. A server that names its classes itself has to name them so, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationError

from chalicelib.errors import ProviderError
from chalicelib.models import Prediction

DIGITS = 9  # decimals of a probability that follows from another


def _several(names: list[str]) -> list[str]:
    if len(names) == 1 or len(set(names)) < len(names):
        raise ValueError("name all classes in the model's order, no two alike")
    return names


Classes = Annotated[list[str], AfterValidator(_several)]
"""The names of a model's classes, as a stage file gives them; none: the model's own, or "0", "1", …."""


def prediction(item: Any, classes: Sequence[str] = ()) -> Prediction:
    """One item's prediction. Raises ProviderError (bad-answer) for any other form, and for NaN and infinity.

    Args:
        classes: the names of its classes, where those are not to be the model's own.
    """
    try:
        return _read(item, list(classes))
    except (ValidationError, ValueError, TypeError, KeyError, IndexError, OverflowError):
        fitting = f", or does not fit the classes {', '.join(classes)}" if classes else ""
        raise ProviderError(f"the model's answer is not of a known form{fitting}", code="bad-answer") from None


def which(position: int, count: int) -> str:
    """``(item 2 of 2)`` after a space: which of several a message is about; empty where there is only one."""
    return f" (item {position + 1} of {count})" if count > 1 else ""


def _read(item: Any, classes: list[str]) -> Prediction:
    if isinstance(item, dict):
        return _of_object(item, classes)
    if isinstance(item, list):
        if len(item) == 1:
            return _read(item[0], classes)
        return _of_classes(classes or _numbers(len(item)), item)
    return _of_value(item, classes)


def _of_object(item: dict[str, Any], classes: list[str]) -> Prediction:
    if "classes" in item:
        return _of_classes(_named(item["classes"], classes), item["scores"])
    if "predicted_label" in item:
        score = item["score"]  # of class 1 where there are two classes, else one for each
        scores = score if isinstance(score, list) else [1 - _number(score), score]
        (label,) = _named([item["predicted_label"]], classes)
        return Prediction(value=label, scores=_scores(classes or _numbers(len(scores)), scores))
    if "scores" in item:
        names = dict(zip(item["scores"], _named(item["scores"], classes), strict=True))
        value = names[_label(item["value"])] if classes else _value(item["value"])
        return Prediction(value=value, scores={names[k]: _number(v) for k, v in item["scores"].items()})
    return _of_value(item["value"] if "value" in item else item["score"], classes)


def _of_classes(classes: list[str], scores: list[Any]) -> Prediction:
    named = _scores(classes, scores)
    return Prediction(value=max(named, key=lambda name: named[name]), scores=named)


def _of_value(value: Any, classes: list[str]) -> Prediction:
    if not classes:
        return Prediction(value=_value(value))
    if isinstance(value, float) and len(classes) == 2:
        return _of_classes(classes, [round(1 - value, DIGITS), value])
    return Prediction(value=_named([value], classes)[0])


def _named(labels: Iterable[Any], classes: list[str]) -> list[str]:
    """What the classes that a model names are called here: as it calls them, or what stands for their numbers."""
    own = list(labels)
    names = [_label(label) for label in own]
    if not classes or (all(isinstance(label, str) for label in own) and set(names) <= set(classes)):
        return names
    numbers = _numbers(len(classes))
    return [classes[numbers.index(name)] for name in names]


def _numbers(count: int) -> list[str]:
    return list(map(str, range(count)))


def _scores(names: list[str], scores: list[Any]) -> dict[str, float]:
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
