"""The names of classes: whoever answers ``predict``, a task finds them under the names of the stage file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import exp
from pathlib import Path
from typing import Any

import pytest
from aws_account import account
from pydantic import ValidationError

from chalicelib.errors import ProviderError
from chalicelib.models import Prediction
from chalicelib.predictions import prediction
from chalicelib.providers import make, provider_class
from tests.emulators.google_rest import GoogleRest
from tests.emulators.kserve import KServe

NAMES = ["no", "yes"]
HIGH = 1 / (1 + exp(-0.5))
SPLIT = [1 - HIGH, HIGH]
LOGISTIC = {"kind": "logistic", "version": "1", "coefficients": {"x": 1}, "classes": NAMES}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What a stage file says of each provider, whose model ``match`` answers 0.62 for x = 0.5."""
    folder = tmp_path / "usecases" / "models"
    folder.mkdir(parents=True)
    (folder / "match.json").write_text(json.dumps(LOGISTIC), "utf-8")
    monkeypatch.chdir(tmp_path)
    with account() as aws, GoogleRest() as google, KServe() as server:
        for name, value in google.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        aws.endpoint("match-1", lambda items: [SPLIT for _ in items])
        google.deploy("1", lambda rows: [SPLIT for _ in rows])
        sagemaker = {"endpoint": "match-1", "classes": NAMES}
        yield {
            "local": {},
            "http": {"models": {"match": {"url": f"{server.url}/plain/models/logistic", "classes": NAMES}}},
            "sagemaker": {"endpoint": aws.url, "models": {"match": sagemaker}},
            "vertex_ai": {"endpoint": google.url, "models": {"match": {"endpoint_id": "1", "classes": NAMES}}},
        }


def test_another_provider_is_another_line_of_the_stage_file_and_nothing_else(settings: dict[str, Any]) -> None:
    for name, said in settings.items():
        (found,) = make(name, said).predict("match", [{"x": 0.5}]).result
        assert found.value == "yes", name
        assert found.scores == pytest.approx({"no": 1 - HIGH, "yes": HIGH}), name


def test_sagemaker_s_csv_has_names_too() -> None:
    model = {"endpoint": "match-1", "format": "csv", "columns": ["x"], "classes": NAMES}
    with account() as aws:
        asked = make("sagemaker", {"endpoint": aws.url, "models": {"match": model}})
        for said, value, scores in ((0.75, "yes", {"no": 0.25, "yes": 0.75}), (1, "yes", {}), (0, "no", {})):
            aws.endpoint("match-1", lambda items, said=said: [said for _ in items])
            assert asked.predict("match", [{"x": 1}]).result == [Prediction(value=value, scores=scores)]


FORMS: list[tuple[Any, str, dict[str, float]]] = [
    ([0.25, 0.75], "yes", {"no": 0.25, "yes": 0.75}),
    (0.25, "no", {"no": 0.75, "yes": 0.25}),
    ([0.75], "yes", {"no": 0.25, "yes": 0.75}),
    ({"score": 0.75}, "yes", {"no": 0.25, "yes": 0.75}),
    (1.0, "yes", {"no": 0.0, "yes": 1.0}),
    (1, "yes", {}),
    ("0", "no", {}),
    ("yes", "yes", {}),
    ({"predicted_label": 1, "score": 0.25}, "yes", {"no": 0.75, "yes": 0.25}),
    ({"classes": ["1", "0"], "scores": [0.25, 0.75]}, "no", {"no": 0.75, "yes": 0.25}),
    ({"classes": ["yes", "no"], "scores": [0.25, 0.75]}, "no", {"no": 0.75, "yes": 0.25}),
    ({"value": 1, "scores": {"0": 0.25, "1": 0.75}}, "yes", {"no": 0.25, "yes": 0.75}),
]


@pytest.mark.parametrize(("item", "value", "scores"), FORMS)
def test_every_form_of_an_answer_gets_the_names(item: Any, value: str, scores: dict[str, float]) -> None:
    assert prediction(item, NAMES) == Prediction(value=value, scores=scores)


def test_numbers_count_from_zero_where_names_are_numbers_too() -> None:
    stars = ["1", "2", "3"]
    assert prediction([0.5, 0.25, 0.25], stars).scores == {"1": 0.5, "2": 0.25, "3": 0.25}
    assert prediction(2, stars).value == "3"
    assert prediction("2", stars).value == "2"


@pytest.mark.parametrize(
    "item",
    [[0.25, 0.25, 0.5], 2, -1, "maybe", 1.5, "", {"classes": ["a", "b"], "scores": [0.5, 0.5]}, float("nan"), True],
)
def test_what_does_not_fit_the_names_is_a_bad_answer_that_shows_them(item: Any) -> None:
    with pytest.raises(ProviderError, match="does not fit the classes no, yes") as caught:
        prediction(item, NAMES)
    assert caught.value.code == "bad-answer"


@pytest.mark.parametrize("names", [["yes"], ["yes", "yes"], [True, False]])
@pytest.mark.parametrize(
    ("name", "model"),
    [("http", {"url": "https://m.example/m"}), ("sagemaker", {"endpoint": "m"}), ("vertex_ai", {"endpoint_id": "1"})],
)
def test_one_name_and_two_alike_are_told_by_the_build(name: str, model: dict[str, Any], names: list[Any]) -> None:
    with pytest.raises(ValidationError, match="classes"):
        provider_class(name).Settings.model_validate({"models": {"m": {**model, "classes": names}}})


def test_kserve_has_its_names_in_the_tensors() -> None:
    model = {"url": "https://m.example", "protocol": "kserve_v2", "tensors": {"inputs": [{"name": "x"}]}}
    with pytest.raises(ValidationError, match=r"tensors\.outputs\.classes"):
        provider_class("http").Settings.model_validate({"models": {"m": {**model, "classes": NAMES}}})
