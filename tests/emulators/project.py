"""What the repository's own stage files name, served by the emulators: its model files, data files and an encoder.

    serve(aws, google)

Predictions are those of usecases/models, rows those of usecases/data; embeddings are the local encoder's, projected to
128 numbers, so that recordings of them stay small and what is alike stays alike.
"""

from __future__ import annotations

from functools import cache
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any

from chalicelib.providers.local_files import ModelFiles
from chalicelib.providers.local_tables import Tables
from chalicelib.providers.local_weights import SENTENCES
from tests.emulators.aws import Aws
from tests.emulators.google_rest import GoogleRest

USE_CASES = Path(__file__).resolve().parents[2] / "usecases"
WIDTH, DIGITS = 128, 4


def serve(aws: Aws, google: GoogleRest) -> None:
    """Each model file is an endpoint of SageMaker and of Vertex AI, named ``match-score`` for ``match_score``."""
    files = ModelFiles(str(USE_CASES / "models"))
    for path in sorted((USE_CASES / "models").glob("*.json")):
        aws.endpoint(path.stem.replace("_", "-"), probabilities(files, path.stem), variant="v1")
        google.deploy(path.stem.replace("_", "-"), probabilities(files, path.stem), model=path.stem)
    google.bigquery.data = Tables(str(USE_CASES / "data"))
    google.vector = projected


def probabilities(files: ModelFiles, name: str) -> Any:
    """Items → the probabilities of their classes 0, 1, …, as most model servers answer."""

    def predict(items: list[dict[str, Any]]) -> list[Any]:
        return [list(one.scores.values()) or one.value for one in files.get(name).predict(items)]

    return predict


def projected(text: str) -> list[float]:
    """A text's embedding on ``WIDTH`` random directions, of length 1."""
    vector = SENTENCES.get().encode(text).tolist()
    values = [
        sum(weight * value for weight, value in zip(row, vector, strict=True)) for row in _directions(len(vector))
    ]
    length = sqrt(sum(value * value for value in values)) or 1.0
    return [round(value / length, DIGITS) for value in values]


@cache
def _directions(width: int) -> list[list[float]]:
    random = Random(7)
    return [[random.gauss(0, 1) for _ in range(width)] for _ in range(WIDTH)]
