"""Models behind SageMaker endpoints, asked by InvokeEndpoint in JSON or CSV. Charged by item.

    provider_settings:
      sagemaker:
        models:
          churn:                                  the name that a notebook's ``models.predict("churn", …)`` uses
            endpoint: churn-2026-05
          price:
            endpoint: price-xgboost
            format: csv
            columns: [area, rooms, year]
          match:
            endpoint: match-xgboost
            classes: ["no", "yes"]                of [0.2, 0.8], or of 0.8; in quotes, as YAML's no is false

``model`` is the endpoint, with the inference component or target model where one is named; ``version`` is the
production variant that answered (``x-Amzn-Invoked-Production-Variant``). SageMaker tells no version of the model
itself: name the variants after it where that matters.

What is sent, by ``format`` and ``items``:

    json, objects    {"instances": [{"area": 54, "rooms": 2}]}
    json, rows       {"instances": [[54, 2, 1987]]}                        in the order of ``columns``
    json, features   {"instances": [{"features": [54, 2, 1987]}]}          Amazon's own algorithms
    csv              54,2,1987                                             one line for each item, no header

What is understood: ``{"predictions": […]}`` or a bare list, each of a form of :mod:`chalicelib.predictions`; or CSV, a
line for each item, several values in it being the probabilities of classes 0, 1, …; or one line with a value for each
item.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from chalicelib.asking import ANY_TIME, UNREPORTED, Answer, Asking
from chalicelib.errors import ProviderError
from chalicelib.models import Prediction
from chalicelib.predictions import Classes, prediction, which
from chalicelib.providers.aws import AwsSettings, attempts, call, client, read

Features = list[dict[str, Any]]
TYPES = {"json": "application/json", "csv": "text/csv"}


class Model(BaseModel, extra="forbid"):
    """One model: where it is served and in which form it is asked."""

    endpoint: str = Field(description="name of the SageMaker endpoint")
    format: Literal["json", "csv"] = "json"
    items: Literal["objects", "rows", "features"] = Field("objects", description="form of an item in JSON")
    columns: list[str] = Field([], description="the features in the model's order; JSON objects need none")
    classes: Classes = Field([], description='names of its classes "0", "1", … in order')
    variant: str | None = Field(None, description="production variant; SageMaker's weights decide where not given")
    inference_component: str | None = Field(None, description="of an endpoint that hosts several")
    target_model: str | None = Field(None, description="file of a multi-model endpoint, e.g. model-a.tar.gz")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if (self.format == "csv" or self.items != "objects") and not self.columns:
            raise ValueError("columns: name the features in the model's order; without names only their order counts")
        return self

    def identity(self) -> str:
        """What answers, as it is stored: the endpoint, and what of it."""
        return "/".join(filter(None, (self.endpoint, self.inference_component or self.target_model)))

    def place(self) -> dict[str, str]:
        """Where to send it, as arguments of InvokeEndpoint."""
        given = {
            "EndpointName": self.endpoint,
            "TargetVariant": self.variant,
            "InferenceComponentName": self.inference_component,
            "TargetModel": self.target_model,
        }
        return {name: value for name, value in given.items() if value is not None}


class SageMaker:
    """Predictions. Safe to call from many threads."""

    MANAGED = True

    class Settings(AwsSettings):
        models: dict[str, Model] = Field({}, description="our name of a model -> its endpoint")

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings = self.Settings.model_validate(settings or {})

    def predict(self, model: str, features: Features, asking: Asking = ANY_TIME) -> Answer:
        """A prediction for each item, in their order, by one request.

        Raises:
            ProviderError: "not-configured" for a model that the settings do not name, "refused" for an item that
                lacks a column, has one too many or holds what cannot be sent.
        """
        spoken = self._model(model)
        if not features:
            return Answer([], spoken.identity(), units=0, attempts=0)
        body = _body(model, spoken, features)
        runtime, kind = client("sagemaker-runtime", self.settings), TYPES[spoken.format]
        response = call(runtime, "invoke_endpoint", asking, **spoken.place(), Body=body, ContentType=kind, Accept=kind)
        tried = attempts(response)
        content, kind = read(response, runtime), response.get("ContentType", kind)
        predictions = _read(model, spoken.classes, content, kind, len(features), tried)
        version = response.get("InvokedProductionVariant", UNREPORTED)
        return Answer(predictions, spoken.identity(), version, units=len(features), attempts=tried)

    def _model(self, name: str) -> Model:
        if name not in self.settings.models:
            known = ", ".join(sorted(self.settings.models)) or "none"
            what = f"sagemaker has no model {name!r}; its settings name under models: {known}"
            raise ProviderError(what, code="not-configured", attempts=0)
        return self.settings.models[name]


def _body(name: str, model: Model, features: Features) -> bytes:
    for index, item in enumerate(features):
        _check(f"an item for the model {name!r}{which(index, len(features))}", item, model.columns)
    if model.format == "csv":
        lines = io.StringIO()
        csv.writer(lines, lineterminator="\n").writerows(_row(item, model) for item in features)
        return lines.getvalue().encode()
    rows: dict[str, Any] = {
        "objects": lambda item: item,
        "rows": lambda item: [item[column] for column in model.columns],
        "features": lambda item: {"features": [item[column] for column in model.columns]},
    }
    return json.dumps({"instances": [rows[model.items](item) for item in features]}).encode()


def _row(item: dict[str, Any], model: Model) -> list[Any]:
    """A line of CSV: true and false as 1 and 0, None as nothing between the commas."""
    values = (item[column] for column in model.columns)
    return [int(value) if isinstance(value, bool) else value for value in values]


def _check(what: str, item: dict[str, Any], columns: list[str]) -> None:
    if columns and item.keys() != set(columns):
        lacking = [f"lacks {column!r}" for column in columns if column not in item]
        surplus = [f"has {key!r}, which is no column" for key in item if key not in columns]
        problem = " and ".join(lacking + surplus)
        raise ProviderError(f"{what} {problem}; its columns are {', '.join(columns)}", code="refused", attempts=0)
    for key, value in item.items():
        if not _sendable(value, nested=not columns):
            problem = f"{key!r} is neither text, a finite number, true, false nor None"
            raise ProviderError(f"{what}: {problem}", code="refused", attempts=0)


def _sendable(value: Any, nested: bool) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if nested and isinstance(value, list):
        return all(_sendable(one, nested) for one in value)
    if nested and isinstance(value, dict):
        return all(isinstance(key, str) and _sendable(one, nested) for key, one in value.items())
    return value is None or isinstance(value, (str, int))


def _read(name: str, classes: list[str], content: bytes, kind: str, count: int, tried: int) -> list[Prediction]:
    try:
        items = _csv(content.decode(), count) if kind.startswith("text/csv") else _json(content)
        if len(items) != count:
            what = f"the model {name!r} answered {len(items)} predictions for {count} items"
            raise ProviderError(what, code="bad-answer")
        return [prediction(item, classes) for item in items]
    except ProviderError as error:
        raise ProviderError(str(error), code=error.code, attempts=tried) from None
    except (ValueError, RecursionError):
        what = f"the model {name!r} answered neither JSON with predictions nor CSV with numbers"
        raise ProviderError(what, code="bad-answer", attempts=tried) from None


def _json(content: bytes) -> list[Any]:
    said = json.loads(content)
    items = said.get("predictions") if isinstance(said, dict) else said
    if not isinstance(items, list):
        raise ValueError("no list of predictions")
    return items


def _csv(text: str, count: int) -> list[Any]:
    lines = [[_value(cell) for cell in line] for line in csv.reader(io.StringIO(text)) if line]
    if len(lines) == 1 and count > 1:
        return lines[0]  # some versions of Amazon's XGBoost answer so
    return [line[0] if len(line) == 1 else line for line in lines]


def _value(cell: str) -> float | str:
    try:
        return int(cell) if cell.isdecimal() else float(cell)  # a class's number is whole
    except ValueError:
        return cell.strip()
