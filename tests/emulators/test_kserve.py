"""The emulated model server, as an operator and a careless client see it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.emulators.__main__ import about
from tests.emulators.kserve import KServe

TENSOR = {"name": "x", "datatype": "FP64", "shape": [2, 2], "data": [1, 2, 3, 4]}


@pytest.fixture
def kserve() -> Iterator[KServe]:
    with KServe() as running:
        yield running


def infer(kserve: KServe, model: str, *inputs: Any) -> requests.Response:
    return requests.post(f"{kserve.url}/v2/models/{model}/infer", json={"inputs": inputs}, timeout=10)


def test_it_says_that_it_is_alive_and_which_models_are_ready(kserve: KServe) -> None:
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/linear", "/v2/models/logistic/ready"):
        assert requests.get(kserve.url + path, timeout=10).status_code == 200
    assert requests.get(f"{kserve.url}/v2/models/none/ready", timeout=10).status_code == 404


def test_it_computes_with_what_it_is_sent(kserve: KServe) -> None:
    answer = infer(kserve, "linear", TENSOR).json()
    assert answer["outputs"] == [{"name": "predict", "datatype": "FP64", "shape": [2], "data": [5.0, 11.0]}]
    assert (answer["model_name"], answer["model_version"]) == ("linear", "1")


def test_it_refuses_a_shape_that_its_data_has_not_and_a_model_that_it_has_not(kserve: KServe) -> None:
    assert infer(kserve, "linear", {**TENSOR, "shape": [3, 2]}).status_code == 400
    assert infer(kserve, "none", TENSOR).status_code == 404


def test_what_is_said_of_it_when_it_is_started_are_addresses_that_answer(kserve: KServe) -> None:
    said = "\n".join(about(kserve.url))
    assert kserve.url in said
    paths = re.findall(r"/(?:plain|v2)/[\w/]+", said)
    body = {"instances": [{"x": 1}], "inputs": [TENSOR], "texts": ["a"], "photo": {"base64": ""}}
    answers = {path: requests.post(kserve.url + path, json=body, timeout=10).status_code for path in paths}
    assert len(answers) == 4 and set(answers.values()) == {200}, answers
