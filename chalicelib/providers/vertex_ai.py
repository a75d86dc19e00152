"""Vertex AI: endpoints that predict (AutoML tabular models and custom ones), and Google's text embedding models.

    predict    POST …/endpoints/{endpoint_id}:predict                {"instances": […]} → {"predictions": […]}
    embedding  POST …/publishers/google/models/{model}:predict       {"instances": [{"content": text}]}

A prediction's version is Vertex AI's own ``{model id}@{version id}`` of what is deployed at the endpoint: another
model there changes it as another version does. Where an endpoint splits its traffic and a list needed several
requests, all that answered are named, joined by "+". An embedding model reports no version: its name has it.

Limits: a request has 1.5 MB (https://cloud.google.com/vertex-ai/docs/predictions/get-online-predictions), or 250
texts and 20,000 tokens, and one text for the gemini models
(https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/get-text-embeddings): longer lists are split.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any, Literal

from pydantic import BaseModel, Field

from chalicelib.asking import ANY_TIME, UNREPORTED, Answer, Asking
from chalicelib.errors import ProviderError
from chalicelib.models import Prediction
from chalicelib.predictions import Classes, prediction, which
from chalicelib.providers.endpoint import Endpoint
from chalicelib.providers.google import Rest, Talk
from chalicelib.providers.google_settings import GoogleSettings

SERVICE = "Vertex AI"
REQUEST_BYTES = 1_400_000  # of 1.5 MB, the rest for what surrounds the instances
TEXTS, TOKENS, TEXT_TOKENS = 250, 20_000, 2_048  # of one request, and what is read of one text


class VertexModel(BaseModel, extra="forbid"):
    """One endpoint that a task asks ``predict`` of, by the name that the stage file gives it."""

    endpoint_id: str = Field(pattern=r"^[A-Za-z0-9-]+$", description="of the Vertex AI endpoint")
    kind: Literal["tabular_automl", "custom"] = Field("custom", description="what is deployed there")
    columns: list[str] | None = Field(
        None, description="features in this order: an instance is then a list, as scikit-learn and XGBoost servers want"
    )
    classes: Classes = Field([], description='names of its classes "0", "1", … in order; AutoML names them itself')
    trained_on: Literal["csv", "bigquery"] = Field(
        "csv", description='of AutoML: a model trained on CSV wants every value as a string, "bigquery" only integers'
    )
    endpoint: Endpoint | None = Field(None, description="base URL of a dedicated endpoint")


class VertexAI:
    """Predictions and text embeddings. Safe to call from many threads."""

    MANAGED = True
    UNVERSIONED = frozenset({"embedding"})  # of these no version is reported

    class Settings(GoogleSettings):
        """What a stage file may set under ``provider_settings: {vertex_ai: …}``."""

        location: str = Field("us-central1", pattern=r"^[a-z]+(-[a-z0-9]+)*$", description='region, or "global"')
        models: dict[str, VertexModel] = Field({}, description="the name that tasks use → the endpoint")
        embedding_model: str = Field(
            "text-multilingual-embedding-002", pattern=r"^[a-z0-9.-]+$", description="Google's, with its version"
        )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings = self.Settings.model_validate(settings or {})
        location = self.settings.location
        host = "aiplatform.googleapis.com" if location == "global" else f"{location}-aiplatform.googleapis.com"
        self._rest = Rest(SERVICE, self.settings, f"https://{host}")
        # plain http is for this machine alone: an emulator stands in for every endpoint, the dedicated ones too
        self._emulated = (self.settings.endpoint or "").startswith("http://")
        self._place = f"/v1/projects/{{project}}/locations/{location}"

    def predict(self, model: str, features: list[dict[str, Any]], asking: Asking = ANY_TIME) -> Answer:
        """A prediction for each item, in their order; ``units`` are items. Raises ProviderError."""
        deployed = self._deployed(model)
        instances = [_instance(deployed, item, which(n, len(features))) for n, item in enumerate(features)]
        talk, found, versions = self._rest.talk(asking), list[Prediction](), set[str]()
        path = f"{self._place}/endpoints/{deployed.endpoint_id}:predict"
        portions = list(_portions(instances, _json_bytes, REQUEST_BYTES, len(instances)))
        for some in portions:
            body = talk.ask("POST", path, {"instances": some}, base=None if self._emulated else deployed.endpoint)
            found += [_predicted(item, deployed.classes, talk) for item in _listed(body, len(some), talk)]
            versions.add(_version(body))
        version = "+".join(sorted(versions)) or UNREPORTED
        return Answer(found, deployed.endpoint_id, version, units=len(features), attempts=_tries(talk, len(portions)))

    def embedding(self, texts: list[str], asking: Asking = ANY_TIME) -> Answer:
        """A vector for each text, in their order; ``units`` are characters. Raises ProviderError."""
        model, talk, vectors = self.settings.embedding_model, self._rest.talk(asking), list[list[float]]()
        path = f"{self._place}/publishers/google/models/{model}:predict"
        portions = list(_portions(texts, _tokens, TOKENS, 1 if model.startswith("gemini-") else TEXTS))
        for some in portions:
            body = talk.ask("POST", path, {"instances": [{"content": text} for text in some]})
            vectors += [_vector(item, talk) for item in _listed(body, len(some), talk)]
        return Answer(vectors, model, units=sum(map(len, texts)), attempts=_tries(talk, len(portions)))

    def _deployed(self, model: str) -> VertexModel:
        if model not in self.settings.models:
            raise ProviderError(
                f"{SERVICE}: no model {model!r}; name it under provider_settings.vertex_ai.models",
                code="not-configured",
                attempts=0,
            )
        return self.settings.models[model]


def _tries(talk: Talk, portions: int) -> int:
    """How often all was asked for, at most: portions of one question are no repetitions, which are charged again."""
    return talk.attempts - max(0, portions - 1)


def _instance(model: VertexModel, item: dict[str, Any], of_several: str) -> Any:
    if model.kind == "tabular_automl":
        return {name: _automl(value, model.trained_on) for name, value in item.items()}
    if model.columns is None:
        return item
    if set(item) != set(model.columns):
        differing = ", ".join(sorted(map(str, set(item) ^ set(model.columns))))
        message = f"{SERVICE}: features and columns differ: {differing}{of_several}"
        raise ProviderError(message, code="refused", attempts=0)
    return [item[name] for name in model.columns]


def _automl(value: Any, trained_on: str) -> Any:
    """A value in the form of the training data, "Data format for predictions" in
    https://cloud.google.com/vertex-ai/docs/datasets/data-types-tabular."""
    if isinstance(value, bool):
        return value if trained_on == "bigquery" else str(value).lower()
    if isinstance(value, int) or (isinstance(value, float) and isfinite(value) and trained_on == "csv"):
        return str(value)
    return "" if value is None and trained_on == "csv" else value


def _portions(items: Sequence[Any], weigh: Any, limit: int, most: int) -> Iterator[list[Any]]:
    """The items in order, in lists of at most ``most`` that together weigh at most ``limit``, if one item does."""
    portion, weight = list[Any](), 0
    for item in items:
        heavier = weight + weigh(item)
        if portion and (heavier > limit or len(portion) == most):
            yield portion
            portion, heavier = [], weigh(item)
        portion.append(item)
        weight = heavier
    if portion:
        yield portion


def _json_bytes(instance: Any) -> int:
    try:
        return len(json.dumps(instance, ensure_ascii=False).encode()) + 2
    except (TypeError, ValueError):
        return 0  # it is refused when it is sent


def _tokens(text: str) -> int:
    """At most so many: a token is seldom less than a character."""
    return min(len(text), TEXT_TOKENS)


def _listed(body: dict[str, Any], count: int, talk: Talk) -> list[Any]:
    predictions = body.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != count:
        raise ProviderError(f"{SERVICE} did not answer one prediction for each item", "bad-answer", talk.attempts)
    return predictions


def _predicted(item: Any, classes: list[str], talk: Talk) -> Prediction:
    try:
        return prediction(item, classes)
    except ProviderError as error:
        error.attempts = talk.attempts
        raise


def _vector(item: Any, talk: Talk) -> list[float]:
    try:
        vector = [float(value) for value in item["embeddings"]["values"]]
    except (TypeError, KeyError, ValueError, OverflowError):
        vector = []
    if not vector or not all(map(isfinite, vector)):
        raise ProviderError(f"{SERVICE} answered something that is no vector", "bad-answer", talk.attempts)
    return vector


def _version(body: dict[str, Any]) -> str:
    """What answered, without the project's number, which its resource name begins with."""
    model = str(body.get("model") or "").rpartition("/")[2].partition("@")[0]
    version = str(body.get("modelVersionId") or "")
    if model or version:
        return "@".join(filter(None, (model, version)))
    return str(body.get("deployedModelId") or UNREPORTED)
