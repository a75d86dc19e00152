"""A project's own models: files that ``predict`` finds by name, in ``usecases/models`` unless the stage says otherwise.

``<name>.json`` alone is a linear model, which is computed here::

    {"kind": "logistic", "version": "3", "intercept": -1.2, "coefficients": {"age_gap": -0.31, "shared": 0.8},
     "classes": ["no", "yes"]}

``kind`` is "linear" or "logistic"; ``classes`` (of a logistic one: at 0, at 1) may be left out, and the value is then
the probability. Beside ``<name>.onnx`` it says what goes into the network and what comes out::

    {"kind": "onnx", "version": "3", "columns": ["age_gap", "shared"], "output": "probabilities"}

The columns are one input, in this order, or each is an input of its own name. ``output`` is by default the last one;
``classes`` names the classes of an output that does not name them itself. Either file may have a ``description``.

A model's version is the declared one and a digest of its files: ``3+5f1c0a77d2e4``. A changed file is read again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from math import exp, fsum, isfinite
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, FiniteFloat, TypeAdapter, ValidationError

from chalicelib.errors import ProviderError
from chalicelib.folders import find_folder
from chalicelib.models import Prediction
from chalicelib.predictions import prediction, which

NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
Stamp = tuple[tuple[int, int], ...]  # (mtime in nanoseconds, size) of each file


class _Declared(BaseModel, extra="forbid"):
    version: str = Field(min_length=1)
    description: str = ""


class LinearModel(_Declared):
    """``intercept`` + the sum of ``coefficients`` × features; for "logistic" the probability that this stands for."""

    kind: Literal["linear", "logistic"]
    intercept: FiniteFloat = 0.0
    coefficients: dict[str, FiniteFloat] = Field(min_length=1)
    classes: tuple[str, str] | None = None


class OnnxModel(_Declared):
    """What lies beside an ONNX network."""

    kind: Literal["onnx"]
    columns: list[str] = Field(min_length=1)
    output: str | None = None
    classes: list[str] | None = None


_DECLARATION: TypeAdapter[LinearModel | OnnxModel] = TypeAdapter(
    Annotated[LinearModel | OnnxModel, Field(discriminator="kind")]
)


class ModelFile:
    """One model, read. ``version`` holds the digest of all its files."""

    def __init__(self, name: str, version: str, answer: Callable[[dict[str, Any]], Any]) -> None:
        self.version, self._name, self._answer = version, name, answer

    def predict(self, features: list[dict[str, Any]]) -> list[Prediction]:
        """A prediction for each item. Raises ProviderError (refused) for a feature that is missing or no number."""
        return [self._predict(item, which(place, len(features))) for place, item in enumerate(features)]

    def _predict(self, features: dict[str, Any], of_several: str) -> Prediction:
        try:
            answer = self._answer(features)
            return answer if isinstance(answer, Prediction) else prediction(answer)
        except ProviderError as error:
            raise ProviderError(f"model {self._name!r}: {error}{of_several}", error.code, error.attempts) from None


class ModelFiles:
    """The models of a folder, each read when it is first asked for and again when its files change."""

    def __init__(self, folder: str) -> None:
        self._folder, self._lock = folder, Lock()
        self._read: dict[str, tuple[Path, Stamp, ModelFile]] = {}

    def get(self, name: str) -> ModelFile:
        """The model of this name. Raises ProviderError: refused when there is none, not-configured for a broken one."""
        folder = find_folder(self._folder)
        paths = [folder / f"{name}{ending}" for ending in (".json", ".onnx")] if folder and NAME.fullmatch(name) else []
        paths = [path for path in paths if path.is_file()]
        if not paths:
            raise ProviderError(self._unknown(name, folder), code="refused", attempts=0)
        try:
            return self._current(name, paths)
        except OSError as error:
            file = Path(error.filename or paths[0]).name
            raise unusable(f"{self._folder}/{file} cannot be read: {error.strerror}") from None

    def _current(self, name: str, paths: list[Path]) -> ModelFile:
        stamp = tuple((status.st_mtime_ns, status.st_size) for status in (path.stat() for path in paths))
        with self._lock:
            known = self._read.get(name)
            if known is None or known[:2] != (paths[0], stamp):
                known = self._read[name] = paths[0], stamp, _read(name, self._folder, paths)
            return known[2]

    def _unknown(self, name: str, folder: Path | None) -> str:
        if folder is None:
            return f"there is no folder {self._folder} for the local provider's models"
        known = sorted({path.stem for path in folder.iterdir() if path.suffix in (".json", ".onnx")})
        return f"no model is named {name[:100]!r} in {self._folder}; there are: {', '.join(known) or 'none'}"


def _read(name: str, folder: str, paths: list[Path]) -> ModelFile:
    place = f"{folder}/{name}"
    contents = {path.suffix: path.read_bytes() for path in paths}
    if ".json" not in contents:
        raise unusable(f"{place}.onnx needs a {name}.json beside it: its version and columns")
    declared = _declared(place, contents[".json"])
    if isinstance(declared, OnnxModel) != (".onnx" in contents):
        beside = "a" if ".onnx" in contents else "no"
        raise unusable(f"{place}.json is of kind {declared.kind!r}, and {beside} {name}.onnx lies beside it")
    digest = hashlib.sha256(b"\0".join(contents.values())).hexdigest()
    version = f"{declared.version}+{digest[:12]}"
    if isinstance(declared, LinearModel):
        return ModelFile(name, version, lambda features: _linear(declared, features))
    from chalicelib.providers.local_onnx import Network

    return ModelFile(name, version, Network(place, contents[".onnx"], declared))


def _declared(place: str, content: bytes) -> LinearModel | OnnxModel:
    try:
        return _DECLARATION.validate_json(content, strict=True)
    except ValidationError as error:
        problems = map(_problem, error.errors(include_url=False, include_input=False, include_context=False))
        raise unusable(f"{place}.json does not describe a model: {'; '.join(problems)}") from None


def _problem(detail: Any) -> str:
    where = ".".join(map(str, detail["loc"][1:]))  # without the kind
    return f"{detail['msg']} (at {where})" if where else str(detail["msg"])


def unusable(message: str) -> ProviderError:
    """The failure that a broken file is: nothing was asked, and nobody but who wrote it can mend it."""
    return ProviderError(message, code="not-configured", attempts=0)


def _linear(model: LinearModel, features: dict[str, Any]) -> Any:
    total = _sum(model, features)
    if model.kind == "linear":
        return total
    probability = round(1 / (1 + exp(-total)) if total >= 0 else exp(total) / (1 + exp(total)), 9)
    if model.classes is None:
        return probability
    scores = dict(zip(model.classes, (round(1 - probability, 9), probability), strict=True))
    return Prediction(value=model.classes[probability > scores[model.classes[0]]], scores=scores)


def _sum(model: LinearModel, features: dict[str, Any]) -> float:
    """The intercept and all products, added exactly: the order of the features is no matter."""
    weights = model.coefficients
    try:  # most often all is well: whether each feature is a finite number is asked only where the sum is none
        total = fsum([model.intercept, *[weight * features[name] for name, weight in weights.items()]])
        if isfinite(total):
            return total
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    products = [weight * number(features, name) for name, weight in weights.items()]
    try:
        return fsum([model.intercept, *products])
    except (OverflowError, ValueError):
        raise ProviderError("the sum of the features is too large", code="bad-answer") from None


def feature(features: dict[str, Any], name: str) -> Any:
    """A feature's value. Raises ProviderError (refused) when it is missing."""
    if name not in features:
        raise ProviderError(f"feature {name!r} is missing", code="refused", attempts=0)
    return features[name]


def number(features: dict[str, Any], name: str) -> float:
    """A feature's value as a number; true is 1. Raises ProviderError (refused) for anything else."""
    value = feature(features, name)
    try:
        if isinstance(value, (int, float)) and isfinite(value):
            return float(value)
    except OverflowError:  # a whole number that no float holds
        pass
    raise ProviderError(f"feature {name!r} is not a finite number", code="refused", attempts=0)
