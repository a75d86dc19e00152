"""Asking the service as a client would: over a socket, or by an API Gateway event in this process."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from chalicelib import bootstrap
from chalicelib.service import Service

PATTERNS = (
    "/v1/use-cases/{name}/decisions",
    "/v2/use-cases/{name}/decisions",
    "/v1/decisions/{decision_id}/labels",
    "/v1/decisions/{decision_id}",
    "/docs/{name}",
)
PROBLEM = "application/problem+json"
URN = "urn:artemis:problem:"


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content, parse_constant=_no_constant)

    def problem(self, status: int, code: str) -> dict[str, Any]:
        """The body, after checking that it is this problem."""
        assert self.status == status, self.content[:500]
        assert self.headers["content-type"] == PROBLEM
        body: dict[str, Any] = self.json
        assert body["type"] == URN + code, body
        assert body["status"] == status
        assert body["title"]
        assert body["detail"]
        return body


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


class Contract:
    """The published OpenAPI document, for checking answers against."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        resource = DRAFT202012.create_resource(document)
        self._registry: Registry[Any] = Registry().with_resource("urn:contract", resource)

    def check(self, method: str, path: str, reply: Reply) -> None:
        """An answer of an operation that the document has is one that it promises."""
        operation = self._operation(method, path)
        if operation is None:
            return
        assert str(reply.status) in operation["responses"], f"{method} {path} does not promise {reply.status}"
        content = operation["responses"][str(reply.status)]["content"]
        media = reply.headers["content-type"]
        assert media in content, f"{method} {path} promises {list(content)}, not {media}"
        self.validate(content[media]["schema"], reply.json)

    def validate(self, schema: dict[str, Any], value: Any) -> None:
        local = json.loads(json.dumps(schema).replace('"#/', '"urn:contract#/'))
        Draft202012Validator(local, registry=self._registry, format_checker=FormatChecker()).validate(value)

    def component(self, name: str) -> dict[str, str]:
        assert name in self.document["components"]["schemas"]
        return {"$ref": f"#/components/schemas/{name}"}

    def _operation(self, method: str, path: str) -> dict[str, Any] | None:
        for template, operations in self.document["paths"].items():
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path.replace("_", "-")):
                return operations.get(method.lower())
        return None


@dataclass
class InProcess:
    """Calls the Chalice app with API Gateway REST (v1) events. Every answer must fit the contract."""

    service: Service
    database: Path
    contract: Contract
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, query: dict[str, list[str]] | None = None, **headers: str) -> Reply:
        return self.ask("GET", path, None, headers, query)

    def post(self, path: str, body: bytes | str | None, **headers: str) -> Reply:
        return self.ask("POST", path, body, {"Content-Type": "application/json", **headers})

    def decide(self, use_case: str, request: Any) -> Reply:
        return self.post(f"/v1/use-cases/{use_case}/decisions", encode(request))

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, list[str]] | None = None,
        context: Any = None,
    ) -> Reply:
        from app import app

        event = make_event(method, path, body, self.headers | (headers or {}), query)
        with mock.patch.object(bootstrap, "service", lambda: self.service):
            answer = app(event, context)
        content = answer["body"].encode()
        reply = Reply(answer["statusCode"], {k.lower(): v for k, v in answer["headers"].items()}, content)
        self.contract.check(method, path, reply)
        return reply

    def rows(self) -> tuple[int, int]:
        return count_rows(self.database)


MakeApi = Callable[..., InProcess]  # the fixture make_api


def make_event(
    method: str, path: str, body: bytes | str | None, headers: dict[str, str], query: dict[str, list[str]] | None
) -> dict[str, Any]:
    """What API Gateway makes of a request: UTF-8 bodies as text, others as base64."""
    resource, parameters = path, None
    for pattern in PATTERNS:
        if found := re.fullmatch(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern), path):
            resource, parameters = pattern, found.groupdict()
    text, is_base64 = _body(body)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": query and {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        "pathParameters": parameters,
        "stageVariables": None,
        "requestContext": {"resourcePath": resource, "path": path, "httpMethod": method, "requestId": "r-1"},
        "body": text,
        "isBase64Encoded": is_base64,
    }


def _body(body: bytes | str | None) -> tuple[str | None, bool]:
    if not isinstance(body, bytes):
        return body, False
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


class OverSocket:
    """The same questions over a real connection."""

    def __init__(self, url: str, database: Path) -> None:
        self.url, self.database = url, database
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self.contract = Contract(self.http.get("/openapi.json").json())

    def get(self, path: str) -> Reply:
        return self.ask("GET", path)

    def post(self, path: str, body: bytes | str | None, **headers: str) -> Reply:
        return self.ask("POST", path, body, {"Content-Type": "application/json", **headers})

    def decide(self, use_case: str, request: Any) -> Reply:
        return self.post(f"/v1/use-cases/{use_case}/decisions", encode(request))

    def ask(
        self, method: str, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        answer = self.http.request(method, path, content=body, headers=headers)
        reply = Reply(answer.status_code, dict(answer.headers), answer.content)
        self.contract.check(method, path.partition("?")[0], reply)
        return reply

    def rows(self) -> tuple[int, int]:
        return count_rows(self.database)


def encode(request: Any) -> bytes | str | None:
    """Bytes and None as they are; a string is JSON text; anything else becomes it."""
    return request if request is None or isinstance(request, (bytes, str)) else json.dumps(request)


def count_rows(database: Path) -> tuple[int, int]:
    """How many decisions and how many task results the database holds."""
    if not database.is_file() or database.stat().st_size == 0:
        return 0, 0
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if "decisions" not in tables:
            return 0, 0
        query = "SELECT (SELECT count(*) FROM decisions), (SELECT count(*) FROM task_results)"
        decisions, results = connection.execute(query).fetchone()
    connection.close()
    return decisions, results


def stored(database: Path, decision_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One decision's row and its facts, read without our code."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    row = connection.execute("SELECT * FROM decisions WHERE id = ?", (decision_id,)).fetchone()
    facts = connection.execute("SELECT * FROM task_results WHERE decision_id = ? ORDER BY task", (decision_id,))
    found = dict(row), [dict(fact) for fact in facts]
    connection.close()
    return found


def resolve(pointer: str, document: Any) -> Any:
    """What an RFC 6901 pointer points at. Raises when there is nothing."""
    assert pointer == "" or pointer.startswith("/"), f"{pointer!r} is no JSON pointer"
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document
