"""The Open Inference Protocol, version 2 (KServe, Triton, MLServer, TorchServe, OpenVINO): items to tensors and back.

Format: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md. A tensor
is ``{"name", "shape", "datatype", "data"}``; its data may be flat or nested, row by row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isfinite, prod
from operator import index
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, Field

from chalicelib.asking import UNREPORTED
from chalicelib.errors import ProviderError
from chalicelib.models import Prediction
from chalicelib.predictions import prediction, which

WHOLE = {f"{sign}INT{bits}": (sign, bits) for sign in ("", "U") for bits in (8, 16, 32, 64)}
Datatype = Literal[
    "BOOL", "BYTES", "FP16", "FP32", "FP64", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"
]


class Input(BaseModel, extra="forbid", hide_input_in_errors=True):
    """One tensor to send, of shape [items, columns]. ``columns`` are features; not given: the one of the same name."""

    name: str
    columns: list[str] = []
    datatype: Datatype = "FP64"

    @property
    def features(self) -> list[str]:
        """The features in the order of the tensor's columns."""
        return self.columns or [self.name]


class Outputs(BaseModel, extra="forbid", hide_input_in_errors=True):
    """Which tensors to read. Neither given: the only one, as the value.

    Args:
        value: the tensor with one predicted number or class for each item.
        scores: the tensor with the probabilities of the classes, [items, classes].
        classes: their names, in order; not given: "0", "1", ….
    """

    value: str | None = None
    scores: str | None = None
    classes: list[str] = []


class Tensors(BaseModel, extra="forbid", hide_input_in_errors=True):
    """How a model's items become tensors and its tensors predictions.

    Args:
        content_type: what MLServer decodes the request by: "pd" for a data frame, "np" for an array.
    """

    inputs: list[Input] = Field(min_length=1)
    outputs: Outputs = Outputs()
    content_type: str | None = None


def infer_path(model: str, version: str | None) -> str:
    """The path to ask, below the server's base URL."""
    versioned = f"/versions/{quote(version, safe='')}" if version else ""
    return f"/v2/models/{quote(model, safe='')}{versioned}/infer"


def infer_body(tensors: Tensors, features: list[dict[str, Any]]) -> dict[str, Any]:
    """The request for these items. Raises ProviderError (refused) where an item does not fit the tensors."""
    known = {name for tensor in tensors.inputs for name in tensor.features}
    for place, item in enumerate(features):
        if unknown := sorted(item.keys() - known):
            what = f"{unknown[0]!r}{which(place, len(features))}"
            raise _refused(f"no input takes the feature {what}; known: {', '.join(sorted(known))}")
    body: dict[str, Any] = {"inputs": [_tensor(tensor, features) for tensor in tensors.inputs]}
    return body if tensors.content_type is None else {"parameters": {"content_type": tensors.content_type}, **body}


def read(tensors: Tensors, content: Any, items: int, asked: str, version: str | None) -> tuple[Any, str, str]:
    """The predictions, the model's name and its version. ``asked``, ``version``: what was asked for.

    Raises ProviderError: bad-answer, or model-mismatch where another version answered than the one asked for.
    """
    found = predictions(tensors, content, items)
    answered = content.get("model_version")
    if version is not None and answered is not None and str(answered) != version:
        raise ProviderError("another version answered than the one asked for", code="model-mismatch")
    return found, str(content.get("model_name") or asked), str(answered or version or UNREPORTED)


def predictions(tensors: Tensors, content: Any, items: int) -> list[Prediction]:
    """The answer's predictions, one for each item. Raises ProviderError (bad-answer) for any other answer."""
    outputs = {str(output.get("name")): output for output in _outputs(content)}
    names = tensors.outputs
    if names.scores is None:
        rows = _rows(_named(outputs, names.value), items)
        if any(len(row) != 1 for row in rows):
            raise _bad("the value has several columns; if they are probabilities, set outputs.scores")
        return [prediction(row[0]) for row in rows]
    rows = _rows(_named(outputs, names.scores), items)
    found = [_of_classes(names.classes, row) for row in rows]
    if names.value is None:
        return found
    labels = _rows(_named(outputs, names.value), items)
    return [_labelled(row, item) for row, item in zip(labels, found, strict=True)]


def _tensor(tensor: Input, features: list[dict[str, Any]]) -> dict[str, Any]:
    fit = _fit(tensor.datatype)
    data = [
        _value(item, which(place, len(features)), name, fit, tensor)
        for place, item in enumerate(features)
        for name in tensor.features
    ]
    shape = [len(features), len(tensor.features)]
    return {"name": tensor.name, "shape": shape, "datatype": tensor.datatype, "data": data}


def _value(item: dict[str, Any], of_several: str, name: str, fit: Callable[[Any], Any], tensor: Input) -> Any:
    if name not in item:
        raise _refused(f"feature {name!r} is missing{of_several}")
    try:
        return fit(item[name])
    except (TypeError, ValueError, OverflowError):
        raise _refused(f"feature {name!r} is no {tensor.datatype}{of_several}") from None


def _fit(datatype: str) -> Callable[[Any], Any]:
    """What makes a feature an element of this datatype, or raises ValueError. Nothing is rounded or cut."""
    if datatype in WHOLE:
        sign, bits = WHOLE[datatype]
        low, high = (0, 2**bits) if sign else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        return lambda value: _checked(index(value), low <= value < high)
    if datatype == "BYTES":
        return lambda value: _checked(value, isinstance(value, str))
    if datatype == "BOOL":
        return lambda value: _checked(value, isinstance(value, bool))
    return lambda value: _checked(float(value), not isinstance(value, str) and isfinite(value))


def _checked(value: Any, fits: bool) -> Any:
    if not fits:
        raise ValueError
    return value


def _outputs(content: Any) -> list[dict[str, Any]]:
    outputs = content.get("outputs") if isinstance(content, dict) else None
    if not isinstance(outputs, list) or not outputs or not all(isinstance(output, dict) for output in outputs):
        raise _bad("the answer has no outputs")
    return outputs


def _named(outputs: dict[str, dict[str, Any]], name: str | None) -> dict[str, Any]:
    if name is None and len(outputs) == 1:
        return next(iter(outputs.values()))
    if name is None:
        raise _bad(f"the answer has {len(outputs)} outputs; name the one to read in outputs.value")
    if name not in outputs:
        raise _bad(f"the answer has no output {name!r}")
    return outputs[name]


def _rows(output: dict[str, Any], items: int) -> list[list[Any]]:
    """The tensor as one list for each item."""
    shape, data = output.get("shape"), output.get("data")
    if not isinstance(data, list) or not isinstance(shape, list) or not all(type(side) is int for side in shape):
        raise _bad("an output has no shape or no data")
    flat = list(_flat(data))
    if shape[:1] != [items] or len(flat) != prod(shape) or not flat:
        raise _bad(f"an output of shape {shape} with {len(flat)} elements is no answer to {items} items")
    width = len(flat) // items
    return [flat[start : start + width] for start in range(0, len(flat), width)]


def _flat(data: list[Any]) -> Iterator[Any]:
    for element in data:
        if isinstance(element, list):
            yield from _flat(element)
        else:
            yield int(element) if isinstance(element, bool) else element  # a BOOL is 0 or 1, as a number or a class


def _of_classes(classes: list[str], scores: list[Any]) -> Prediction:
    return prediction({"classes": classes or [str(index) for index in range(len(scores))], "scores": scores})


def _labelled(row: list[Any], found: Prediction) -> Prediction:
    label = row[0]
    label = str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
    if len(row) != 1 or label not in found.scores:
        raise _bad("the predicted class is none of those that have probabilities; set outputs.classes")
    return found.model_copy(update={"value": label})


def _refused(message: str) -> ProviderError:
    return ProviderError(message, code="refused", attempts=0)


def _bad(message: str) -> ProviderError:
    return ProviderError(message, code="bad-answer")
