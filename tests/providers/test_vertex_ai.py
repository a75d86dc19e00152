"""Vertex AI's predictions and embeddings, through google-auth over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.asking import UNREPORTED, Asking
from chalicelib.errors import ProviderError
from chalicelib.providers.vertex_ai import VertexAI
from tests.emulators.faults import Delay, Fault, Garbage, Refuse, Reset, Status, Version, WrongSchema
from tests.emulators.google_rest import DIMENSIONS, NUMBER, GoogleRest

MODELS = {
    "churn": {"endpoint_id": "111", "kind": "tabular_automl"},
    "spend": {"endpoint_id": "222", "kind": "tabular_automl", "trained_on": "bigquery"},
    "spam": {"endpoint_id": "333"},
    "match": {"endpoint_id": "444", "columns": ["age", "distance"]},
}


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleRest]:
    with GoogleRest() as running:
        for name, value in running.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        yield running


def vertex(google: GoogleRest, **settings: Any) -> VertexAI:
    return VertexAI({"endpoint": google.url, "location": "europe-west4", "models": MODELS} | settings)


def test_an_automl_classification_is_a_class_with_the_scores_of_all(google: GoogleRest) -> None:
    google.deploy("111", lambda rows: [{"classes": ["no", "yes"], "scores": [0.25, 0.75]} for _ in rows], version="3")
    answer = vertex(google).predict("churn", [{"age": 34, "plan": "프리미엄"}])
    (found,) = answer.result
    assert (found.value, found.scores) == ("yes", {"no": 0.25, "yes": 0.75})
    assert (answer.model, answer.version) == ("111", "4567890123456789012@3")
    assert (answer.units, answer.attempts) == (1, 1)


def test_an_automl_regression_is_a_number(google: GoogleRest) -> None:
    google.deploy("222", lambda rows: [{"value": 7.5, "lower_bound": 5.0, "upper_bound": 9.0} for _ in rows])
    answer = vertex(google).predict("spend", [{"age": 34}, {"age": 19}])
    assert [found.value for found in answer.result] == [7.5, 7.5]


def test_automl_gets_values_in_the_form_of_its_training_data(google: GoogleRest) -> None:
    item = {"age": 34, "rate": 0.5, "member": True, "city": "서울", "left": None}
    for endpoint in ("111", "222"):
        google.deploy(endpoint, lambda rows: [{"value": 1.0} for _ in rows])
    vertex(google).predict("churn", [item])
    assert google.instances == [{"age": "34", "rate": "0.5", "member": "true", "city": "서울", "left": ""}]
    vertex(google).predict("spend", [item])
    assert google.instances == [{"age": "34", "rate": 0.5, "member": True, "city": "서울", "left": None}]


def test_a_custom_model_gets_items_as_they_are_or_their_columns_in_order(google: GoogleRest) -> None:
    google.deploy("333", lambda rows: ["spam" for _ in rows])
    google.deploy("444", lambda rows: [[0.1, 0.9] for _ in rows])
    assert vertex(google).predict("spam", [{"text": "안녕"}]).result[0].value == "spam"
    assert google.instances == [{"text": "안녕"}]
    (found,) = vertex(google).predict("match", [{"distance": 2.5, "age": 30}]).result
    assert (google.instances, found.value, found.scores) == ([[30, 2.5]], "1", {"0": 0.1, "1": 0.9})


def test_features_other_than_the_columns_are_refused_and_not_sent(google: GoogleRest) -> None:
    items = [{"distance": 2.5, "age": 30}, {"distance": 2.5, "height": 180}]
    with pytest.raises(ProviderError, match=r"age, height \(item 2 of 2\)") as raised:
        vertex(google).predict("match", items)
    assert (raised.value.code, raised.value.attempts, google.calls) == ("refused", 0, [])


def test_a_long_list_is_split_below_the_size_of_a_request_and_keeps_its_order(google: GoogleRest) -> None:
    google.deploy("333", lambda rows: [row["place"] for row in rows])
    features = [{"place": place, "text": "긴 글" * 30_000} for place in range(7)]  # 0.2 MB each
    answer = vertex(google).predict("spam", features)
    assert [found.value for found in answer.result] == list(range(7))
    assert (google.count("predict"), answer.attempts, answer.units) == (2, 1, 7)


def test_no_items_need_no_call(google: GoogleRest) -> None:
    answer = vertex(google).predict("churn", [])
    assert (answer.result, answer.attempts, google.calls) == ([], 0, [])


def test_what_an_endpoint_serves_is_told_without_the_projects_number(google: GoogleRest) -> None:
    google.deploy("333", lambda rows: ["ham" for _ in rows], model="7", version="1")
    asked = vertex(google)
    google.faults.then(Version("2"))
    versions = [asked.predict("spam", [{"text": "x"}]).version for _ in range(2)]
    assert versions == ["7@2", "7@1"]
    google.deploy("333", lambda rows: ["ham" for _ in rows], model="8", version="1")
    answer = asked.predict("spam", [{"text": "x"}])
    assert answer.version == "8@1"
    assert NUMBER not in f"{answer.model} {answer.version}"


def test_a_list_that_two_versions_answered_names_both(google: GoogleRest) -> None:
    google.deploy("333", lambda rows: ["ham" for _ in rows], model="7")
    google.faults.then(Version("2"))
    answer = vertex(google).predict("spam", [{"text": "글" * 300_000}, {"text": "글" * 300_000}])
    assert answer.version == "7@1+7@2"


def test_texts_have_vectors_in_their_order_by_as_many_requests_as_the_limits_need(google: GoogleRest) -> None:
    texts = [f"안녕하세요 {number}" for number in range(300)]
    answer = vertex(google).embedding(texts)
    assert len(answer.result) == 300 and all(len(vector) == DIMENSIONS for vector in answer.result)
    assert answer.result[299] == vertex(google).embedding([texts[299]]).result[0]
    assert [call["items"] for call in google.calls if call["operation"] == "embed"] == [250, 50, 1]
    assert (answer.model, answer.version) == ("text-multilingual-embedding-002", UNREPORTED)
    assert (answer.units, answer.attempts) == (sum(map(len, texts)), 1)


def test_long_texts_are_split_below_the_tokens_of_a_request(google: GoogleRest) -> None:
    answer = vertex(google).embedding(["가" * 1_900] * 12)
    assert (len(answer.result), google.count("embed")) == (12, 2)


def test_a_gemini_model_takes_one_text_at_a_time(google: GoogleRest) -> None:
    answer = vertex(google, embedding_model="gemini-embedding-001").embedding(["a", "b"])
    assert (len(answer.result), answer.attempts) == (2, 1)
    assert google.calls[1]["model"] == "gemini-embedding-001"


@pytest.mark.parametrize(
    ("fault", "code", "attempts"),
    [
        (Delay(20), "timeout", 1),
        (Refuse(), "unreachable", 2),
        (Reset(), "unreachable", 2),
        (Status(429), "throttled", 2),
        (Status(500), "server-error", 2),
        (Status(403), "credentials", 1),
        (Status(404), "refused", 1),
        (Garbage(), "bad-answer", 1),
        (WrongSchema(), "bad-answer", 1),
    ],
)
@pytest.mark.parametrize("capability", ["predict", "embedding"])
def test_each_fault_reaches_the_task_as_a_code(
    google: GoogleRest, capability: str, fault: Fault, code: str, attempts: int
) -> None:
    google.deploy("333", lambda rows: ["ham" for _ in rows])
    asked = vertex(google, attempts=2)
    asked.embedding(["so that it has a token"])
    google.faults.always(fault)
    arguments = {"predict": ("spam", [{"text": "x"}]), "embedding": (["x"],)}[capability]
    with pytest.raises(ProviderError) as raised:
        getattr(asked, capability)(*arguments, Asking(until=perf_counter() + (0.3 if fault == Delay(20) else 20)))
    assert (raised.value.code, raised.value.attempts) == (code, attempts)


@pytest.mark.parametrize("predictions", [[], ["a", "b"], [{"classes": ["a"], "scores": [7]}], [None], [[[]]], "ab"])
def test_predictions_of_another_form_are_a_bad_answer(google: GoogleRest, predictions: Any) -> None:
    google.deploy("333", lambda rows: predictions)
    with pytest.raises(ProviderError) as raised:
        vertex(google).predict("spam", [{"text": "x"}])
    assert (raised.value.code, raised.value.attempts) == ("bad-answer", 1)


def test_the_attempts_of_a_list_are_those_of_all_its_requests(google: GoogleRest) -> None:
    google.faults.then(Status(503))
    google.faults.then(Delay(0))
    google.faults.then(Status(400))
    with pytest.raises(ProviderError) as raised:
        vertex(google).embedding(["x"] * 251)
    assert (raised.value.code, raised.value.attempts) == ("refused", 3)


def test_a_deadline_ends_a_list_between_its_requests(google: GoogleRest) -> None:
    google.latency = 0.3
    with pytest.raises(ProviderError) as raised:
        vertex(google).embedding(["x"] * 2_500, Asking(until=perf_counter() + 0.75))
    assert raised.value.code == "timeout" and google.count("embed") < 5


def test_a_model_that_the_stage_does_not_name_is_not_configured() -> None:
    with pytest.raises(ProviderError, match=r"provider_settings\.vertex_ai\.models") as raised:
        VertexAI({}).predict("other", [{}])
    assert (raised.value.code, raised.value.attempts) == ("not-configured", 0)


def test_a_dedicated_endpoint_is_asked_at_its_own_address(google: GoogleRest) -> None:
    google.deploy("555", lambda rows: [1.5 for _ in rows])
    asked = VertexAI({"models": {"own": {"endpoint_id": "555", "endpoint": google.url}}})
    assert asked.predict("own", [{"x": 1}]).result[0].value == 1.5


def test_an_emulator_stands_in_for_a_dedicated_endpoint_too(google: GoogleRest) -> None:
    google.deploy("555", lambda rows: [1.5 for _ in rows])
    models = {"own": {"endpoint_id": "555", "endpoint": "https://555.prediction.vertexai.example"}}
    assert VertexAI({"endpoint": google.url, "models": models}).predict("own", [{"x": 1}]).result[0].value == 1.5


@pytest.mark.parametrize(
    "settings",
    [
        {"key": "secret"},
        {"location": "eu/../x"},
        {"project": "a/b"},
        {"models": {"m": {"endpoint_id": "1/2"}}},
        {"models": {"m": {}}},
        {"models": {"m": {"endpoint_id": "1", "kind": "image"}}},
        {"endpoint": "http://vertex.example"},
        {"embedding_model": "../x"},
        {"timeout": 0},
        {"attempts": 0},
    ],
)
def test_settings_that_cannot_hold_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VertexAI(settings)
