"""An ONNX network that predicts for one item at a time.

One at a time, since in a batch an item's last digits could depend on the others, and many exported networks
take no batch at all.
"""

from __future__ import annotations

from typing import Any

from chalicelib.errors import ProviderError
from chalicelib.providers.local_files import OnnxModel, feature, number, unusable
from chalicelib.providers.local_weights import package

NUMBERS = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
}
TEXTS = "tensor(string)"
NOISE = 1e-6  # by which a sum of 32-bit numbers may miss 0 or 1


class Network:
    """A loaded network: called with one item's features, it gives what :func:`chalicelib.predictions.prediction` reads.

    Raises ProviderError (not-configured) when the network and its description do not fit.
    """

    def __init__(self, name: str, content: bytes, declared: OnnxModel) -> None:
        runtime = package("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors have no common class
            raise unusable(f"{name}.onnx cannot be loaded: {type(error).__name__}") from None
        self._name, self._declared = name, declared
        self._inputs = {one.name: one.type for one in self._session.get_inputs()}
        outputs = [one.name for one in self._session.get_outputs()]
        self._output = declared.output or outputs[-1]
        self._by_name = self._inputs.keys() == set(declared.columns)
        self._check(outputs)

    def _check(self, outputs: list[str]) -> None:
        if self._output not in outputs:
            raise unusable(f"{self._name}.onnx has no output {self._output!r}; it has: {', '.join(outputs)}")
        if not self._by_name and len(self._inputs) != 1:
            raise unusable(
                f"{self._name}.onnx has the inputs {', '.join(self._inputs)}: name just these as columns, in any order"
            )
        unknown = sorted(set(self._inputs.values()) - NUMBERS.keys() - {TEXTS})
        if unknown:
            raise unusable(f"{self._name}.onnx takes {unknown[0]}, which features cannot be")

    def __call__(self, features: dict[str, Any]) -> Any:
        given = self._given(features)
        try:
            (output,) = self._session.run([self._output], given)
        except Exception as error:
            message = f"{self._name}.onnx does not take these features: {type(error).__name__}"
            raise ProviderError(message, code="refused") from None
        return self._read(output)

    def _given(self, features: dict[str, Any]) -> dict[str, Any]:
        if self._by_name:
            return {column: _array(features, [column], self._inputs[column]) for column in self._declared.columns}
        ((name, kind),) = self._inputs.items()
        return {name: _array(features, self._declared.columns, kind)}

    def _read(self, output: Any) -> Any:
        """The item's answer: converters give a list of ``{class: probability}``, or an array of one row."""
        if isinstance(output, list):
            (row,) = output
            return {"classes": list(row), "scores": [_rounded(value) for value in row.values()]}
        values = output.reshape(-1).tolist()
        if values and isinstance(values[0], str):
            return values[0]
        rounded = [_rounded(value) for value in values]
        if self._declared.classes is None:
            return rounded[0] if len(rounded) == 1 else rounded
        return {"classes": self._declared.classes, "scores": rounded}


def _array(features: dict[str, Any], columns: list[str], kind: str) -> Any:
    import numpy

    if kind == TEXTS:
        return numpy.array([[_text(features, column) for column in columns]], dtype=object)
    return numpy.array([[number(features, column) for column in columns]]).astype(NUMBERS[kind])


def _text(features: dict[str, Any], name: str) -> str:
    value = feature(features, name)
    if not isinstance(value, str):
        raise ProviderError(f"feature {name!r} is not a text", code="refused", attempts=0)
    return value


def _rounded(value: Any) -> float:
    """Seven digits, which is what a 32-bit number holds; what misses 0 or 1 by noise is 0 or 1."""
    for bound in (0.0, 1.0):
        if abs(value - bound) < NOISE:
            return bound
    return float(f"{value:.7g}")
