"""BigQuery: parameterised queries, and models of BigQuery ML (``ML.PREDICT``).

A query only reads: one SELECT statement, checked before it is sent; what a task may see is for the service account's
roles (roles/bigquery.jobUser, and roles/bigquery.dataViewer on the data sets) to say. Values travel as typed
parameters, never in the SQL text. A job that is not done in time is cancelled.

The version of a model is when it was last modified, looked up at most every five minutes ("unreported" where the
account lacks bigquery.models.getMetadata). ``units`` are bytes billed, or processed where BigQuery bills none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from time import perf_counter
from typing import Any
from uuid import uuid4

from pydantic import Field

from chalicelib.asking import ANY_TIME, UNREPORTED, Answer, Asking
from chalicelib.errors import ProviderError
from chalicelib.providers.bigquery_ml import MlModel, Versions, parameter_of, predictions, statement
from chalicelib.providers.bigquery_values import parameters as typed
from chalicelib.providers.bigquery_values import records
from chalicelib.providers.google import Rest
from chalicelib.providers.google_settings import GoogleSettings

SERVICE = "BigQuery"
QUERIES = "/bigquery/v2/projects/{project}/queries"
RESERVE = 0.3  # seconds at the end, at most a fifth of all, to cancel a job in
MARGIN = 0.4  # seconds for the way to BigQuery and back
SKIPPED = re.compile(  # what is no code: comments (the first group), strings and quoted names
    r"""(\#[^\n]* | --[^\n]* | /\*.*?\*/)
      | '''(?:\\.|[^\\])*?''' | \"{3}(?:\\.|[^\\])*?\"{3}
      | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*" | `(?:\\.|[^`\\])*`""",
    re.VERBOSE | re.DOTALL,
)
READS = re.compile(r"[\s(]*(SELECT|WITH)\b[^;]*;?\s*", re.IGNORECASE)


class BigQuery:
    """Queries and predictions. Safe to call from many threads."""

    MANAGED = True
    UNVERSIONED = frozenset({"query"})  # of these no version is reported

    class Settings(GoogleSettings):
        """What a stage file may set under ``provider_settings: {bigquery: …}``."""

        location: str | None = Field(None, pattern=r"^[A-Za-z0-9-]+$", description='of the data, e.g. "EU"')
        timeout: float = Field(15, gt=0, le=300, description="seconds for a query, from asking to the last row")
        maximum_bytes_billed: int = Field(
            1_000_000_000, gt=0, description="a query that would read more fails and costs nothing"
        )
        use_query_cache: bool = Field(True, description="whether BigQuery may answer from its cache, free of charge")
        maximum_rows: int = Field(10_000, gt=0, description="a result of more rows is refused")
        models: dict[str, MlModel] = Field({}, description="the name that tasks use → the model")

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings = self.Settings.model_validate(settings or {})
        self._rest = Rest(SERVICE, self.settings, "https://bigquery.googleapis.com")
        self._versions = Versions()

    def query(self, sql: str, parameters: Mapping[str, Any], asking: Asking = ANY_TIME) -> Answer:
        """The rows of a SELECT statement, as objects. Raises ProviderError."""
        read_only(sql)
        job = self._job(asking)
        rows = job.rows(sql, typed(parameters))
        return Answer(rows, "query", UNREPORTED, units=job.bytes, attempts=job.talk.attempts)

    def predict(self, model: str, features: list[dict[str, Any]], asking: Asking = ANY_TIME) -> Answer:
        """A prediction for each item, in their order, all by one query. Raises ProviderError."""
        trained = self._trained(model)
        rows = [parameter_of(trained, features)]
        job = self._job(asking)
        version = self._versions.of(trained, job.talk)
        found = job.rows(statement(trained), rows) if features else []
        return Answer(
            predictions(trained, found, len(features), job.talk.attempts),
            trained.name,
            version,
            units=job.bytes,
            attempts=job.talk.attempts,
        )

    def _job(self, asking: Asking) -> _Job:
        until = min(asking.until, perf_counter() + self.settings.timeout)
        return _Job(self.settings, self._rest, replace(asking, until=until))

    def _trained(self, model: str) -> MlModel:
        if model not in self.settings.models:
            raise ProviderError(
                f"{SERVICE}: no model {model!r}; name it under provider_settings.bigquery.models",
                code="not-configured",
                attempts=0,
            )
        return self.settings.models[model]


def read_only(sql: str) -> None:
    """Raise ProviderError (refused) unless the text is one SELECT statement: by BigQuery's grammar that only reads."""
    if READS.fullmatch(SKIPPED.sub(lambda found: " " if found[1] else " x ", sql)) is None:
        raise ProviderError(
            f"{SERVICE}: a query is one statement that begins with SELECT or WITH", code="refused", attempts=0
        )


class _Job:
    """One query, from asking to its last row. ``bytes``: what it is charged for."""

    def __init__(self, settings: BigQuery.Settings, rest: Rest, asking: Asking) -> None:
        self._settings, self._asking = settings, asking
        reserve = min(RESERVE, asking.left() / 5)
        self.talk = rest.talk(replace(asking, until=asking.until - reserve))
        self._cancelling = rest.talk(asking)
        self.bytes = 0

    def rows(self, sql: str, query_parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        page = self._started(sql, query_parameters)
        try:
            page = self._done(page)
        except ProviderError:
            self._cancel(page)
            raise
        return self._all(page)

    def _started(self, sql: str, query_parameters: list[dict[str, Any]]) -> dict[str, Any]:
        self.talk.ready()
        settings, wait = self._settings, self._wait()
        body = {
            "query": sql,
            "useLegacySql": False,
            "parameterMode": "NAMED",
            "queryParameters": query_parameters,
            "timeoutMs": wait,
            "jobTimeoutMs": str(wait + 1000),  # BigQuery stops it itself, should we not be able to
            "maximumBytesBilled": str(settings.maximum_bytes_billed),
            "useQueryCache": settings.use_query_cache,
            "maxResults": settings.maximum_rows + 1,
            "formatOptions": {"useInt64Timestamp": True},
            "requestId": str(uuid4()),  # a second attempt finds the first one's job
        }
        if settings.location is not None:
            body["location"] = settings.location
        if re.fullmatch(r"[a-z0-9_-]{1,63}", self._asking.use_case):
            body["labels"] = {"use_case": self._asking.use_case}
        page = self.talk.ask("POST", QUERIES, body)
        self.bytes = self._charged(page)
        if page.get("statementType", "SELECT") != "SELECT":
            raise ProviderError(f"{SERVICE}: the statement was no SELECT", "refused", self.talk.attempts)
        return page

    def _done(self, page: dict[str, Any]) -> dict[str, Any]:
        while page.get("jobComplete") is False:
            page = {**page, **self._results(page, {"timeoutMs": str(self._wait())})}
            self.bytes = self._charged(page)
        if page.get("jobComplete") is not True:
            raise self._bad("that is no query's result")
        return page

    def _all(self, page: dict[str, Any]) -> list[dict[str, Any]]:
        schema, rows = page.get("schema") or {"fields": []}, list(page.get("rows") or [])
        while page.get("pageToken") and len(rows) <= self._settings.maximum_rows:
            page = {**page, "pageToken": None, **self._results(page, {"pageToken": str(page["pageToken"])})}
            rows += page.get("rows") or []
        if len(rows) > self._settings.maximum_rows:
            message = f"{SERVICE}: more than {self._settings.maximum_rows} rows; add a LIMIT, or set maximum_rows"
            raise ProviderError(message, "refused", self.talk.attempts)
        try:
            return records(schema, rows)
        except ProviderError as error:
            error.attempts = self.talk.attempts
            raise

    def _results(self, page: dict[str, Any], options: dict[str, str]) -> dict[str, Any]:
        job, location = self._reference(page)
        shape = {"maxResults": str(self._settings.maximum_rows + 1), "formatOptions.useInt64Timestamp": "true"}
        return self.talk.ask("GET", f"{QUERIES}/{job}", params={**shape, **location, **options}, part=True)

    def _cancel(self, page: dict[str, Any]) -> None:
        """Stop a job that nobody waits for. That this fails changes nothing: the job's own time limit remains."""
        with suppress(ProviderError):
            job, location = self._reference(page)
            self._cancelling.ask("POST", f"/bigquery/v2/projects/{{project}}/jobs/{job}/cancel", params=location)

    def _reference(self, page: dict[str, Any]) -> tuple[str, dict[str, str]]:
        reference = page.get("jobReference")
        if not isinstance(reference, dict) or not re.fullmatch(r"[A-Za-z0-9_-]+", str(reference.get("jobId"))):
            raise self._bad("without the job's id")
        location = reference.get("location")
        return str(reference["jobId"]), {"location": str(location)} if location else {}

    def _wait(self) -> int:
        """Milliseconds that BigQuery may keep us waiting: less than we wait, so that it answers with the job's id."""
        left = self.talk.left()
        return max(1, int(1000 * max(left / 2, left - MARGIN)))

    def _charged(self, page: dict[str, Any]) -> int:
        try:
            return int(page.get("totalBytesBilled") or page.get("totalBytesProcessed") or 0)
        except (TypeError, ValueError):
            raise self._bad("whose bytes are no number") from None

    def _bad(self, what: str) -> ProviderError:
        return ProviderError(f"{SERVICE} gave an answer {what}", "bad-answer", self.talk.attempts)
