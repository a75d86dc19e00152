"""BigQuery's queries and ML.PREDICT, through google-auth over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.asking import UNREPORTED, Asking
from chalicelib.errors import ProviderError
from chalicelib.providers import bigquery_ml
from chalicelib.providers.bigquery import BigQuery
from tests.emulators.faults import Delay, Fault, Garbage, Refuse, Reset, Status, Version, WrongSchema
from tests.emulators.google_rest import GoogleRest

ORDERS = """
CREATE TABLE `shop.orders` (id INTEGER, member TEXT, total REAL);
INSERT INTO `shop.orders` VALUES (1, '지우', 12.5), (2, '하린', 80.0), (3, '지우', 7.25), (4, NULL, 1.0);
"""
ALL = "SELECT id FROM `shop.orders` ORDER BY id"
COLUMNS = {"age": "INT64", "plan": "STRING", "spent": "FLOAT64"}
MODELS = {"churn": {"model": "shop.churn", "columns": COLUMNS, "label": "churned"}}
FEATURES = [{"age": age, "plan": plan, "spent": 10} for age, plan in ((20, "무료"), (61, None), (35, "'; DROP --"))]


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleRest]:
    with GoogleRest() as running:
        for name, value in running.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        running.bigquery.tables(ORDERS)
        running.bigquery.train("shop.churn", _churn, modified=1_767_225_600_000)
        yield running


def _churn(item: dict[str, Any]) -> dict[str, Any]:
    leaves = 0.9 if item["age"] > 60 else 0.2
    probabilities = [{"label": "yes", "prob": leaves}, {"label": "no", "prob": 1 - leaves}]
    return {"predicted_churned": "yes" if leaves > 0.5 else "no", "predicted_churned_probs": probabilities}


def bigquery(google: GoogleRest, **settings: Any) -> BigQuery:
    return BigQuery({"endpoint": google.url, "location": "EU", "models": MODELS} | settings)


def within(seconds: float, use_case: str = "") -> Asking:
    return Asking(until=perf_counter() + seconds, use_case=use_case)


def refused(provider: BigQuery, *query: Any, asking: Asking | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        provider.query(*query, asking or within(20))
    assert "words of the provider" not in str(raised.value)
    return raised.value


def test_rows_are_objects_found_by_named_parameters(google: GoogleRest) -> None:
    sql = "SELECT id, total FROM `shop.orders` WHERE member = @member AND id IN UNNEST(@ids) ORDER BY id"
    answer = bigquery(google).query(sql, {"member": "지우", "ids": [1, 2, 3]}, within(20, "loyalty"))
    assert answer.result == [{"id": 1, "total": 12.5}, {"id": 3, "total": 7.25}]
    assert (answer.version, answer.units, answer.attempts) == (UNREPORTED, 1_048_576, 1)
    (asked,) = google.bigquery.asked
    assert asked["query"] == sql and "지우" not in asked["query"]
    assert (asked["location"], asked["maximumBytesBilled"]) == ("EU", "1000000000")
    assert (asked["useQueryCache"], asked["labels"]) == (True, {"use_case": "loyalty"})


def test_a_result_without_rows_is_an_empty_list(google: GoogleRest) -> None:
    assert bigquery(google).query("SELECT id FROM `shop.orders` WHERE id > @least", {"least": 99}).result == []


def test_a_null_has_the_type_that_the_sql_gives_it(google: GoogleRest) -> None:
    sql = "SELECT id FROM `shop.orders` WHERE CAST(@least AS INT64) IS NULL OR id >= CAST(@least AS INT64) ORDER BY id"
    assert len(bigquery(google).query(sql, {"least": None}).result) == 4


def test_a_result_of_several_pages_is_one_list(google: GoogleRest) -> None:
    google.bigquery.page = 1
    answer = bigquery(google).query(ALL, {})
    assert [row["id"] for row in answer.result] == [1, 2, 3, 4]
    assert (google.count("query_results"), answer.attempts) == (3, 1)


def test_a_result_of_more_rows_than_the_stage_allows_is_refused(google: GoogleRest) -> None:
    assert len(bigquery(google, maximum_rows=4).query(ALL, {}).result) == 4
    for page in (1, 100):
        google.bigquery.page = page
        error = refused(bigquery(google, maximum_rows=3), ALL, {})
        assert error.code == "refused" and "LIMIT" in str(error)


def test_a_job_that_takes_long_is_asked_after_until_it_is_done(google: GoogleRest) -> None:
    google.bigquery.seconds = 1.0
    provider = bigquery(google)
    provider._rest.timeout = 0.5  # so that one answer cannot wait for it
    answer = provider.query(ALL, {}, within(20))
    assert (len(answer.result), answer.attempts) == (4, 1)
    assert google.count("query_results") >= 1 and google.count("cancel_job") == 0


def test_a_job_that_is_not_done_in_time_is_cancelled(google: GoogleRest) -> None:
    google.bigquery.seconds = 60
    started = perf_counter()
    error = refused(bigquery(google), ALL, {}, asking=within(1))
    assert (error.code, error.attempts) == ("timeout", 1)
    assert perf_counter() - started < 5
    (job,) = google.bigquery.jobs.values()
    assert job.cancelled
    assert 0 < int(google.bigquery.asked[0]["jobTimeoutMs"]) < 3_000


def test_the_providers_own_timeout_ends_a_query_for_which_nobody_waits(google: GoogleRest) -> None:
    google.bigquery.seconds = 60
    started = perf_counter()
    with pytest.raises(ProviderError) as raised:
        bigquery(google, timeout=0.6).query(ALL, {})
    assert raised.value.code == "timeout" and perf_counter() - started < 5
    assert google.count("cancel_job") == 1


def test_a_second_attempt_finds_the_first_ones_job(google: GoogleRest) -> None:
    google.faults.then(Reset())
    answer = bigquery(google).query(ALL, {}, within(20))
    assert (len(answer.result), answer.attempts, len(google.bigquery.jobs)) == (4, 2, 1)


def test_a_query_that_would_read_too_much_is_refused(google: GoogleRest) -> None:
    google.bigquery.bytes = 10**12
    error = refused(bigquery(google), ALL, {})
    assert error.code == "refused" and "bytesBilledLimitExceeded" in str(error)


def test_wrong_sql_is_refused_with_its_place_and_without_its_words(google: GoogleRest) -> None:
    error = refused(bigquery(google), "SELECT secret_column FROM `shop.orders`", {})
    assert error.code == "refused" and "invalidQuery" in str(error) and "[1:8]" in str(error)
    assert "secret_column" not in str(error)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM `shop.orders` WHERE TRUE",
        "SELECT 1; DELETE FROM `shop.orders` WHERE TRUE",
        "SELECT ';'; DROP TABLE `shop.orders`",
        "/* SELECT */ INSERT INTO `shop.orders` VALUES (9, 'x', 1)",
        "-- SELECT\nDROP TABLE `shop.orders`",
        "SELECT '''a\n''' ; DROP TABLE x",
        "'a' SELECT 1",
        "SELECT '''" + "\\\\" * 50 + "; DROP TABLE x",
        "EXPORT DATA OPTIONS (uri='gs://x') AS SELECT 1",
        "BEGIN SELECT 1; END",
        "selected",
        "",
    ],
)
def test_what_does_not_only_read_is_never_sent(google: GoogleRest, sql: str) -> None:
    error = refused(bigquery(google), sql, {})
    assert (error.code, error.attempts, google.calls) == ("refused", 0, [])


@pytest.mark.parametrize(
    "sql",
    [
        "  select 1 AS one ;\n",
        "-- why\n# and\n/* how */ SELECT 1 AS one  -- ; DELETE",
        "/* ; */ WITH t AS (SELECT 1 AS one) SELECT one FROM t /* ; DROP */",
        "(SELECT 1 AS one)",
        "SELECT 1 AS one, ';' AS a, \"x;y\\\";\" AS b, '''it's; ''' AS c, `d;e` FROM (SELECT 2 AS `d;e`)",
        "# comment ; of it's own\nSELECT 1 AS one",
    ],
)
def test_a_semicolon_in_a_comment_or_a_string_ends_no_statement(google: GoogleRest, sql: str) -> None:
    google.bigquery.answers[sql] = [{"name": "one", "type": "INTEGER", "mode": "NULLABLE"}], [{"f": [{"v": "1"}]}]
    assert bigquery(google).query(sql, {}).result == [{"one": 1}]


FAULTS: list[tuple[Fault, str, int]] = [
    (Delay(20), "timeout", 1),
    (Refuse(), "unreachable", 2),
    (Reset(), "unreachable", 2),
    (Status(429), "throttled", 2),
    (Status(500), "server-error", 2),
    (Status(503), "server-error", 2),
    (Status(403), "credentials", 1),
    (Status(404), "refused", 1),
    (Garbage(), "bad-answer", 1),
    (WrongSchema(), "bad-answer", 1),
]


@pytest.mark.parametrize(("fault", "code", "attempts"), FAULTS)
def test_each_fault_of_a_query_reaches_the_task_as_a_code(
    google: GoogleRest, fault: Fault, code: str, attempts: int
) -> None:
    google.faults.always(fault)
    error = refused(bigquery(google, attempts=2), ALL, {}, asking=within(0.4 if fault == Delay(20) else 20))
    assert (error.code, error.attempts) == (code, attempts)


def test_a_limit_of_the_project_is_throttling_even_with_status_403(google: GoogleRest) -> None:
    google.error = lambda status: {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}  # type: ignore[method-assign]
    google.faults.then(Status(403))
    assert bigquery(google).query(ALL, {}, within(20)).attempts == 2
    google.error = lambda status: {"error": {"errors": [{"reason": "quotaExceeded"}]}}  # type: ignore[method-assign]
    google.faults.then(Status(403))
    assert refused(bigquery(google), ALL, {}).code == "throttled"


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
