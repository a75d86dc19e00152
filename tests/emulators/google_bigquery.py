"""BigQuery's REST API over SQLite: named parameters are bound, ``UNNEST(@list)`` works, ML.PREDICT asks a function.

bigquery.tables("CREATE TABLE `shop.orders` (…); INSERT …")
bigquery.train("shop.churn", "churned", lambda item: {"predicted_churned": "no"}, modified=1767225600000)
bigquery.answers["SELECT …"] = fields, rows          # an answer with types that SQLite does not have
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock
from time import monotonic
from typing import Any
from zlib import crc32

from chalicelib.asking import ANY_TIME
from chalicelib.errors import ProviderError
from chalicelib.providers.local_tables import Tables
from tests.emulators.server import Reply, Request

ML_PREDICT = re.compile(r"SELECT \* FROM ML\.PREDICT\(MODEL `([^`]+)`, \(SELECT (.+) FROM UNNEST\(@(\w+)\)\)\)")
READ = {"INT64": int, "FLOAT64": float, "BOOL": lambda text: text == "true"}
FIELD = {bool: "BOOLEAN", int: "INTEGER", float: "FLOAT", str: "STRING", bytes: "BYTES"}


@dataclass
class Job:
    """A query's result, which is there at ``done`` on the monotonic clock."""

    id: str
    fields: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    done: float
    cancelled: bool = False


@dataclass
class Trained:
    """A model: from one item's features to its predicted columns."""

    predict: Callable[[dict[str, Any]], dict[str, Any]]
    modified: int


class Refused(Exception):
    """The query does not run: a reason and a message, as BigQuery words them."""


@dataclass
class BigQueryJobs:
    """The data, the models and the jobs.

    Attributes:
        seconds: how long a query takes.
        bytes: how many it processes, or finds before it runs that it would.
        page: how many rows a page has at most.
        asked: the bodies of the queries.
        data: tables for every query that is no prediction, instead of SQLite's.
    """

    closing: Event
    seconds: float = 0.0
    bytes: int = 1_048_576
    page: int = 10_000
    answers: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    data: Tables | None = None

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._data = sqlite3.connect(":memory:", check_same_thread=False)
        self._models: dict[str, Trained] = {}

    def tables(self, script: str) -> None:
        """Run SQL statements (SQLite's) that create and fill tables."""
        with self._lock:
            self._data.executescript(script)

    def train(self, model: str, predict: Callable[[dict[str, Any]], dict[str, Any]], modified: int) -> None:
        """Create a model, named ``dataset.model``. ``modified``: milliseconds since 1970."""
        self._models[model] = Trained(predict, modified)

    def query(self, request: Request) -> Reply:
        """jobs.query"""
        body = request.json()
        if body["useLegacySql"] is not False or body["parameterMode"] != "NAMED":
            return _refused("invalid", "only named parameters of standard SQL")
        with self._lock:
            self.asked.append(body)
            if self.bytes > int(body["maximumBytesBilled"]):
                return _refused("bytesBilledLimitExceeded", "Query exceeded limit for bytes billed")
            job = self.jobs.get(body["requestId"])
            try:
                job = job or Job(body["requestId"], *self._run(body), monotonic() + self.seconds)
            except Refused as refused:
                return _refused(*refused.args)
            self.jobs[job.id] = job
        return 200, self._page(job, body, 0), {}

    def results(self, request: Request) -> Reply:
        """jobs.getQueryResults"""
        job = self.jobs[request.names["job"]]
        if job.cancelled:
            return _refused("stopped", "Job execution was cancelled")
        return 200, self._page(job, request.query, int(request.query.get("pageToken", 0))), {}

    def cancel(self, request: Request) -> Reply:
        """jobs.cancel"""
        job = self.jobs[request.names["job"]]
        job.cancelled = True
        return 200, {"job": {"jobReference": {"jobId": job.id}}}, {}

    def model(self, request: Request) -> Reply:
        """models.get"""
        trained = self._models.get(f"{request.names['dataset']}.{request.names['model']}")
        if trained is None:
            return 404, {"error": {"code": 404, "errors": [{"reason": "notFound"}], "message": "Not found: Model"}}, {}
        version = request.version(str(trained.modified))
        return 200, {"lastModifiedTime": version if version.isdigit() else str(crc32(version.encode()))}, {}

    def _page(self, job: Job, options: dict[str, Any], start: int) -> dict[str, Any]:
        wait = min(job.done - monotonic(), int(options.get("timeoutMs", 10_000)) / 1000)
        if wait > 0:
            self.closing.wait(wait)
        page: dict[str, Any] = {
            "jobReference": {"projectId": "artemis-emulated", "jobId": job.id, "location": "EU"},
            "jobComplete": monotonic() >= job.done,
        }
        if not page["jobComplete"]:
            return page
        end = start + min(self.page, int(options.get("maxResults", self.page)))
        page |= (
            {"schema": {"fields": job.fields}, "rows": job.rows[start:end]} if job.rows else {"schema": {"fields": []}}
        )
        page |= {"totalRows": str(len(job.rows)), "totalBytesProcessed": str(self.bytes), "cacheHit": False}
        return page | ({"pageToken": str(end)} if end < len(job.rows) else {})

    def _run(self, body: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        sql = body["query"]
        if sql in self.answers:
            return self.answers[sql]
        values = {
            each["name"]: _value(each["parameterType"], each["parameterValue"]) for each in body["queryParameters"]
        }
        found = ML_PREDICT.fullmatch(sql)
        records = self._predict(found, values) if found else self._select(sql, values)
        fields = _fields(records)
        return fields, [_row(fields, record) for record in records]

    def _predict(self, found: re.Match[str], values: dict[str, Any]) -> list[dict[str, Any]]:
        name, columns, rows = found.groups()
        trained = self._models.get(".".join(name.split(".")[-2:]))
        if trained is None:
            raise Refused("notFound", "Not found: Model")
        selected = re.findall("`([^`]+)`", columns)
        items = [{column: item[column] for column in selected} for item in values[rows]]
        return [trained.predict(item) | item for item in reversed(items)]  # it promises no order

    def _select(self, sql: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        if self.data is not None:
            try:
                return self.data.query(sql, values, ANY_TIME).rows
            except ProviderError as error:
                raise Refused("invalidQuery", str(error)) from None
        bound = {name: json.dumps(value) if isinstance(value, list) else value for name, value in values.items()}
        text = re.sub(r"UNNEST\((@\w+)\)", r"(SELECT value FROM json_each(\1))", sql)
        try:
            cursor = self._data.execute(text, bound)
        except sqlite3.Error as error:
            raise Refused("invalidQuery", f"Syntax error at [1:8]: {error} in {sql}") from None
        return [dict(zip([column[0] for column in cursor.description], row, strict=True)) for row in cursor]


def _refused(reason: str, message: str) -> Reply:
    error = {"code": 400, "message": message, "errors": [{"reason": reason, "message": message}]}
    return 400, {"error": error | {"status": "INVALID_ARGUMENT"}}, {}


def _value(kind: dict[str, Any], value: dict[str, Any]) -> Any:
    if kind["type"] == "ARRAY":
        return [_value(kind["arrayType"], item) for item in value.get("arrayValues", [])]
    if kind["type"] == "STRUCT":
        return {each["name"]: _value(each["type"], value["structValues"][each["name"]]) for each in kind["structTypes"]}
    text = value["value"]
    return None if text is None else READ.get(kind["type"], str)(text)


def _fields(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(name for record in records for name in record))
    return [_field(name, [record.get(name) for record in records]) for name in names]


def _field(name: str, values: list[Any]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    if known and isinstance(known[0], list):
        return {**_field(name, [item for value in known for item in value]), "mode": "REPEATED"}
    if known and isinstance(known[0], dict):
        return {"name": name, "type": "RECORD", "mode": "NULLABLE", "fields": _fields(known)}
    kinds = {type(value) for value in known}
    kind = "FLOAT" if kinds == {int, float} else FIELD[kinds.pop()] if kinds else "STRING"
    return {"name": name, "type": kind, "mode": "NULLABLE"}


def _row(fields: list[dict[str, Any]], record: dict[str, Any]) -> dict[str, Any]:
    return {"f": [{"v": _cell(each, record.get(each["name"]))} for each in fields]}


def _cell(kind: dict[str, Any], value: Any) -> Any:
    if value is None:
        return None
    if kind["mode"] == "REPEATED":
        return [{"v": _cell(kind | {"mode": "NULLABLE"}, item)} for item in value]
    if kind["type"] == "RECORD":
        return _row(kind["fields"], value)
    return str(value).lower() if isinstance(value, bool) else str(value)
