"""BigQuery's queries and ML.PREDICT, through google-auth over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from chalicelib.asking import UNREPORTED, Asking
from chalicelib.errors import ProviderError
from chalicelib.providers.bigquery import BigQuery
from tests.emulators.faults import Delay, Fault, Garbage, Refuse, Reset, Status, WrongSchema
from tests.emulators.google_rest import GoogleRest

ORDERS = """
CREATE TABLE `shop.orders` (id INTEGER, member TEXT, total REAL);
INSERT INTO `shop.orders` VALUES (1, '지우', 12.5), (2, '하린', 80.0), (3, '지우', 7.25), (4, NULL, 1.0);
"""
ALL = "SELECT id FROM `shop.orders` ORDER BY id"


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GoogleRest]:
    with GoogleRest() as running:
        for name, value in running.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        running.bigquery.tables(ORDERS)
        yield running


def bigquery(google: GoogleRest, **settings: Any) -> BigQuery:
    return BigQuery({"endpoint": google.url, "location": "EU"} | settings)


def warm(google: GoogleRest, **settings: Any) -> BigQuery:
    """One that has its token: what is measured next is not how long that takes on a busy machine."""
    provider = bigquery(google, **settings)
    provider.query(ALL, {})
    return provider


def within(seconds: float, use_case: str = "") -> Asking:
    return Asking(until=perf_counter() + seconds, use_case=use_case)


def refused(provider: BigQuery, *query: Any, asking: Asking | None = None) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        provider.query(*query, asking or within(20))
    assert type(raised.value) is ProviderError
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
    provider = warm(google)
    google.bigquery.seconds = 1.0
    provider._rest.timeout = 0.6  # so that one answer cannot wait for it
    answer = provider.query(ALL, {}, within(20))
    assert (len(answer.result), answer.attempts) == (4, 1)
    assert google.count("query_results") >= 1 and google.count("cancel_job") == 0


def test_a_job_that_is_not_done_in_time_is_cancelled(google: GoogleRest) -> None:
    provider = warm(google)
    google.bigquery.seconds = 60
    started = perf_counter()
    error = refused(provider, ALL, {}, asking=within(1))
    assert (error.code, error.attempts) == ("timeout", 1)
    assert perf_counter() - started < 5
    assert [job.cancelled for job in google.bigquery.jobs.values()] == [False, True]  # the warm one's, and this
    assert 0 < int(google.bigquery.asked[1]["jobTimeoutMs"]) < 3_000


def test_the_providers_own_timeout_ends_a_query_for_which_nobody_waits(google: GoogleRest) -> None:
    provider = warm(google, timeout=1)
    google.bigquery.seconds = 60
    started = perf_counter()
    with pytest.raises(ProviderError) as raised:
        provider.query(ALL, {})
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
    provider = warm(google, attempts=2)
    google.faults.always(fault)
    error = refused(provider, ALL, {}, asking=within(0.4 if fault == Delay(20) else 20))
    assert (error.code, error.attempts) == (code, attempts)


def test_a_limit_of_the_project_is_throttling_even_with_status_403(google: GoogleRest) -> None:
    google.error = lambda status: {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}  # type: ignore[method-assign]
    google.faults.then(Status(403))
    assert bigquery(google).query(ALL, {}, within(20)).attempts == 2
    google.error = lambda status: {"error": {"errors": [{"reason": "quotaExceeded"}]}}  # type: ignore[method-assign]
    google.faults.then(Status(403))
    assert refused(bigquery(google), ALL, {}).code == "throttled"
