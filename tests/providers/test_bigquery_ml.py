"""Models of BigQuery ML, through google-auth over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.asking import UNREPORTED
from chalicelib.errors import ProviderError
from chalicelib.providers import bigquery_ml
from chalicelib.providers.bigquery import BigQuery
from tests.emulators.faults import Status, Version
from tests.emulators.google_rest import GoogleRest

COLUMNS = {"age": "INT64", "plan": "STRING", "spent": "FLOAT64"}
MODELS = {"churn": {"model": "shop.churn", "columns": COLUMNS, "label": "churned"}}
FEATURES = [{"age": age, "plan": plan, "spent": 10} for age, plan in ((20, "무료"), (61, None), (35, "'; DROP --"))]


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleRest]:
    with GoogleRest() as running:
        for name, value in running.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        running.bigquery.train("shop.churn", _churn, modified=1_767_225_600_000)
        yield running


def _churn(item: dict[str, Any]) -> dict[str, Any]:
    leaves = 0.9 if item["age"] > 60 else 0.2
    probabilities = [{"label": "yes", "prob": leaves}, {"label": "no", "prob": 1 - leaves}]
    return {"predicted_churned": "yes" if leaves > 0.5 else "no", "predicted_churned_probs": probabilities}


def bigquery(google: GoogleRest, **settings: Any) -> BigQuery:
    return BigQuery({"endpoint": google.url, "models": MODELS} | settings)


def test_predictions_come_in_the_order_of_the_features(google: GoogleRest) -> None:
    answer = bigquery(google).predict("churn", FEATURES)
    assert [found.value for found in answer.result] == ["no", "yes", "no"]
    assert answer.result[1].scores == {"yes": 0.9, "no": pytest.approx(0.1)}
    assert (answer.model, answer.version) == ("shop.churn", "2026-01-01T00:00:00+00:00")
    assert (answer.units, answer.attempts) == (1_048_576, 1)


def test_features_travel_as_a_typed_parameter_and_never_in_the_sql(google: GoogleRest) -> None:
    bigquery(google).predict("churn", FEATURES)
    (asked,) = google.bigquery.asked
    assert asked["query"] == (
        "SELECT * FROM ML.PREDICT(MODEL `shop.churn`, "
        "(SELECT `artemis_place`, `age`, `plan`, `spent` FROM UNNEST(@rows)))"
    )
    (rows,) = asked["queryParameters"]
    types = {each["name"]: each["type"]["type"] for each in rows["parameterType"]["arrayType"]["structTypes"]}
    assert types == {"artemis_place": "INT64"} | COLUMNS
    last = rows["parameterValue"]["arrayValues"][2]["structValues"]
    assert [last[name]["value"] for name in types] == ["2", "35", "'; DROP --", "10.0"]


@pytest.mark.parametrize(("value", "expected"), [(41.5, 41.5), (3, 3.0), ("gold", "gold"), (True, "true")])
def test_a_model_without_probabilities_predicts_a_number_or_a_class(
    google: GoogleRest, value: Any, expected: Any
) -> None:
    google.bigquery.train("shop.churn", lambda item: {"predicted_churned": value}, modified=1)
    (found,) = bigquery(google).predict("churn", FEATURES[:1]).result
    assert (found.value, found.scores) == (expected, {})


def test_classes_that_are_numbers_are_named_by_them(google: GoogleRest) -> None:
    probabilities = [{"label": 1, "prob": 0.75}, {"label": 0, "prob": 0.25}]
    predicted = {"predicted_churned": 1, "predicted_churned_probs": probabilities}
    google.bigquery.train("shop.churn", lambda item: predicted, modified=1)
    (found,) = bigquery(google).predict("churn", FEATURES[:1]).result
    assert (found.value, found.scores) == ("1", {"1": 0.75, "0": 0.25})


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"age": 1, "plan": "x"}, "spent"),
        ({"age": 1, "plan": "x", "spent": 1, "more": 1}, "more"),
        ({"age": 1.5, "plan": "x", "spent": 1}, "feature age is of type float, not INT64"),
        ({"age": True, "plan": "x", "spent": 1}, "feature age is of type bool, not INT64"),
        ({"age": 1, "plan": "x", "spent": float("inf")}, "feature spent is not a finite number"),
    ],
)
def test_features_that_do_not_fit_the_columns_are_refused(
    google: GoogleRest, item: dict[str, Any], message: str
) -> None:
    with pytest.raises(ProviderError, match=message) as raised:
        bigquery(google).predict("churn", [item])
    assert (raised.value.code, raised.value.attempts, google.calls) == ("refused", 0, [])


@pytest.mark.parametrize(
    "predicted",
    [
        {"predicted_other": "x"},
        {"predicted_churned": None},
        {"predicted_churned": "a", "predicted_churned_probs": [{}]},
    ],
)
def test_a_prediction_of_another_form_is_a_bad_answer(google: GoogleRest, predicted: dict[str, Any]) -> None:
    google.bigquery.train("shop.churn", lambda item: predicted, modified=1)
    with pytest.raises(ProviderError) as raised:
        bigquery(google).predict("churn", FEATURES)
    assert (raised.value.code, raised.value.attempts) == ("bad-answer", 1)


def test_a_models_version_is_looked_up_now_and_then(google: GoogleRest, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = bigquery(google)
    first = provider.predict("churn", FEATURES[:1]).version
    assert provider.predict("churn", FEATURES[:1]).version == first
    assert google.count("get_model") == 1
    later = bigquery_ml.monotonic() + bigquery_ml.VERSION_SECONDS
    monkeypatch.setattr(bigquery_ml, "monotonic", lambda: later)
    google.faults.then(Version("1767225660000"))
    assert provider.predict("churn", FEATURES[:1]).version == "2026-01-01T00:01:00+00:00"


def test_a_version_that_may_not_be_read_is_unreported_and_one_that_is_known_outlives_an_outage(
    google: GoogleRest, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.faults.then(Status(403))
    assert bigquery(google).predict("churn", FEATURES[:1]).version == UNREPORTED
    provider = bigquery(google, attempts=1)
    known = provider.predict("churn", FEATURES[:1]).version
    later = bigquery_ml.monotonic() + bigquery_ml.VERSION_SECONDS
    monkeypatch.setattr(bigquery_ml, "monotonic", lambda: later)
    google.faults.then(Status(503))
    assert provider.predict("churn", FEATURES[:1]).version == known


def test_an_unknown_model_is_not_configured_and_one_that_is_gone_refused(google: GoogleRest) -> None:
    with pytest.raises(ProviderError, match=r"provider_settings\.bigquery\.models") as raised:
        bigquery(google).predict("other", [{}])
    assert (raised.value.code, raised.value.attempts) == ("not-configured", 0)
    gone = {"gone": {"model": "shop.gone", "columns": COLUMNS, "label": "churned"}}
    with pytest.raises(ProviderError) as raised:
        bigquery(google, models=gone).predict("gone", FEATURES)
    assert (raised.value.code, raised.value.attempts) == ("refused", 0)


@pytest.mark.parametrize(
    "model",
    [
        {"model": "shop.churn`; DROP"},
        {"model": "churn"},
        {"columns": {"age`": "INT64"}},
        {"columns": {"artemis_place": "INT64"}},
        {"columns": {"age": "INT64) --"}},
        {"columns": {}},
        {"label": "a b"},
    ],
)
def test_names_that_could_leave_their_quotes_are_refused_by_the_settings(model: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BigQuery({"models": {"churn": MODELS["churn"] | model}})


def test_a_model_of_another_project_is_asked_there_and_named_without_it(google: GoogleRest) -> None:
    google.bigquery.train("ml.risk", lambda item: {"predicted_risk": 0.5}, modified=1)
    models = {"risk": {"model": "other-project.ml.risk", "columns": {"age": "INT64"}, "label": "risk"}}
    answer = bigquery(google, models=models).predict("risk", [{"age": 1}])
    assert (answer.model, answer.result[0].value) == ("ml.risk", 0.5)
    assert [call["project"] for call in google.calls if "project" in call] == ["other-project", "artemis-emulated"]
