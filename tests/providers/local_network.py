"""Tiny ONNX networks, written by hand: a weighted sum of the inputs, and what is done with it.

The messages and their field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

FLOAT, TEXT = 1, 8  # TensorProto.DataType


def field(number: int, value: int | str | bytes) -> bytes:
    """One field of a protocol buffer: a whole number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])


def tensor(name: str, shape: Sequence[int], values: Sequence[float]) -> bytes:
    dimensions = b"".join(field(1, size) for size in shape)
    return dimensions + field(2, FLOAT) + field(8, name) + field(9, struct.pack(f"<{len(values)}f", *values))


def node(kind: str, inputs: Sequence[str], output: str, axis: int | None = None) -> bytes:
    attribute = b"" if axis is None else field(5, field(1, "axis") + field(3, axis) + field(20, 2))
    return b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind) + attribute


def value(name: str, shape: Sequence[int], kind: int = FLOAT) -> bytes:
    dimensions = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dimensions)))


def model(nodes: Sequence[bytes], tensors: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]) -> bytes:
    parts = ((1, nodes), (5, tensors), (11, inputs), (12, outputs))
    graph = field(2, "graph") + b"".join(field(number, one) for number, many in parts for one in many)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


def regression(weights: Sequence[float]) -> bytes:
    """``features`` [1, n] -> ``sum`` [1, 1]."""
    size = len(weights)
    return model(
        [node("MatMul", ["features", "weights"], "sum")],
        [tensor("weights", (size, 1), weights)],
        [value("features", (1, size))],
        [value("sum", (1, 1))],
    )


def classifier(columns: Sequence[str], weights: Sequence[Sequence[float]]) -> bytes:
    """One input [1, 1] of each name -> ``sums`` and ``probabilities`` [1, classes]."""
    size, classes = len(columns), len(weights[0])
    return model(
        [
            node("Concat", columns, "features", axis=1),
            node("MatMul", ["features", "weights"], "sums"),
            node("Softmax", ["sums"], "probabilities", axis=1),
        ],
        [tensor("weights", (size, classes), [weight for row in weights for weight in row])],
        [value(name, (1, 1)) for name in columns],
        [value("sums", (1, classes)), value("probabilities", (1, classes))],
    )


def echo() -> bytes:
    """``word`` [1, 1], a text -> ``answer``, the same."""
    kinds = [value("word", (1, 1), TEXT)], [value("answer", (1, 1), TEXT)]
    return model([node("Identity", ["word"], "answer")], [], *kinds)
