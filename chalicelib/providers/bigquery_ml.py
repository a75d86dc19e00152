"""Models of BigQuery ML: the statement that asks one for predictions, its answer, and its version.

Features travel as one ARRAY<STRUCT> parameter whose columns have the types that the stage file gives them, so that a
null has a type. ML.PREDICT hands unknown columns through but promises no order: each row carries its place.
Output columns: https://cloud.google.com/bigquery/docs/reference/standard-sql/bigqueryml-syntax-predict
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from time import monotonic
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from chalicelib.asking import UNREPORTED
from chalicelib.errors import ProviderError
from chalicelib.models import Prediction
from chalicelib.predictions import prediction, which
from chalicelib.providers.bigquery_values import parameter, table
from chalicelib.providers.google import Talk

VERSION_SECONDS = 300.0
PLACE = "artemis_place"  # the column with a row's place in what was asked
NOISE = 1e-6  # a probability may be so far beyond 0 or 1


def _not_ours(column: str) -> str:
    if column.lower() == PLACE:
        raise ValueError(f"{PLACE} is the name of a column that is added")
    return column


Column = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"), AfterValidator(_not_ours)]
Type = Literal["BOOL", "INT64", "FLOAT64", "STRING", "BYTES", "NUMERIC", "TIMESTAMP", "DATETIME", "DATE", "TIME"]


class MlModel(BaseModel, extra="forbid"):
    """One model of BigQuery ML, by the name that the stage file gives it."""

    model: str = Field(
        pattern=r"^([a-z0-9][a-z0-9.:-]*\.)?[A-Za-z0-9_]+\.[A-Za-z0-9_-]+$",
        description='"dataset.model", or "project.dataset.model" where it is of another project',
    )
    columns: dict[Column, Type] = Field(min_length=1, description="feature → its BigQuery type")
    label: Column = Field(description="the column that it was trained to predict")

    @property
    def name(self) -> str:
        """``dataset.model``, without the project."""
        return ".".join(self.parts[1:])

    @property
    def parts(self) -> tuple[str, str, str]:
        """Project (or what stands for it in a path), data set, model."""
        place, _, model = self.model.rpartition(".")
        project, _, dataset = place.rpartition(".")
        return project or "{project}", dataset, model


def statement(model: MlModel) -> str:
    """The query. All that is put into it are names of the stage file, which hold no quote."""
    columns = ", ".join(f"`{name}`" for name in (PLACE, *model.columns))
    return f"SELECT * FROM ML.PREDICT(MODEL `{model.model}`, (SELECT {columns} FROM UNNEST(@rows)))"  # noqa: S608


def parameter_of(model: MlModel, features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The query's parameter. Raises ProviderError (refused) unless each item has just the model's columns."""
    for position, item in enumerate(features):
        differing = sorted(map(str, set(item) ^ set(model.columns)))
        if differing:
            whose = which(position, len(features))
            message = f"BigQuery: features and columns of {model.name} differ: {', '.join(differing)}{whose}"
            raise ProviderError(message, code="refused", attempts=0)
    rows = [[place, *(item[name] for name in model.columns)] for place, item in enumerate(features)]
    names = [PLACE, *(f"feature {name}" for name in model.columns)]
    return parameter("rows", *table({PLACE: "INT64", **model.columns}, rows, names))


def predictions(model: MlModel, rows: Sequence[Mapping[str, Any]], count: int, attempts: int) -> list[Prediction]:
    """The predictions in the order of the features. Raises ProviderError (bad-answer)."""
    try:
        ordered = sorted(rows, key=lambda row: int(row[PLACE]))
        if [row[PLACE] for row in ordered] != list(range(count)):
            raise ValueError("one row for each item")
        return [_prediction(row, model.label) for row in ordered]
    except (ProviderError, KeyError, TypeError, ValueError):
        message = f"BigQuery: {model.name} did not answer predicted_{model.label} once for each item"
        raise ProviderError(message, "bad-answer", attempts) from None


def _prediction(row: Mapping[str, Any], label: str) -> Prediction:
    value, classes = row[f"predicted_{label}"], row.get(f"predicted_{label}_probs")
    if classes is None:
        return prediction(_class(value) if isinstance(value, bool) else value)
    scores = {_class(one["label"]): _probability(one["prob"]) for one in classes}
    return prediction({"value": _class(value), "scores": scores})


def _class(value: Any) -> str:
    if value is None:
        raise ValueError("a class has a name")
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _probability(value: float) -> float:
    return min(1.0, max(0.0, value)) if -NOISE <= value <= 1 + NOISE else value


class Versions:
    """When the models were last modified, as last looked up."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[str, tuple[str, float]] = {}  # model → version, when it is to be looked up again

    def of(self, model: MlModel, talk: Talk) -> str:
        """The version, at most five minutes old; older while BigQuery does not tell. Raises ProviderError."""
        version, until = self._known.get(model.model, ("", 0.0))
        if monotonic() < until:
            return version
        try:
            version = self._looked_up(model, talk)
        except ProviderError as error:
            if error.code == "credentials":
                version = version or UNREPORTED
            elif not version:
                raise
        with self._lock:
            self._known[model.model] = version, monotonic() + VERSION_SECONDS
        return version

    def _looked_up(self, model: MlModel, talk: Talk) -> str:
        project, dataset, name = model.parts
        path = f"/bigquery/v2/projects/{project}/datasets/{dataset}/models/{name}"
        about = talk.ask("GET", path, params={"fields": "lastModifiedTime"}, part=True)
        try:
            return datetime.fromtimestamp(int(about["lastModifiedTime"]) / 1000, UTC).isoformat()
        except (KeyError, TypeError, ValueError, OverflowError, OSError):
            message = f"BigQuery did not tell when {model.name} was modified"
            raise ProviderError(message, "bad-answer", talk.attempts) from None
