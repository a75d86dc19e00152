"""A Chalice app as a WSGI application, for a container or a laptop.

Each request becomes the event that API Gateway (REST, v1 proxy) would hand to Lambda, the app is called
with it as it is there, and its dict becomes the WSGI answer. One code path serves both worlds. What only
API Gateway enforces (authorizers, API-key plans) or offers (websockets) is refused when the adapter is
built, because letting it through would open a door that is closed in production.
"""

from __future__ import annotations

import logging
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http.client import responses
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl, quote
from uuid import uuid4
from wsgiref.types import StartResponse, WSGIEnvironment

from chalice.app import Chalice

from chalicelib.errors import NotFound, ServiceError, SettingsError
from chalicelib.http.problems import from_error, problem
from chalicelib.http.threads import ThreadLocalChalice
from serving.body import as_text, read_body

MAX_BODY = 32 * 1024 * 1024  # bytes

log = logging.getLogger(__name__)

Event = dict[str, Any]
Headers = list[tuple[str, str]]

_PATH_SAFE = "/:@!$&'()*+,;=~"
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_NOT_THE_APPS = {"content-length", "connection", "transfer-encoding"}  # ours to set, or the server's


class WsgiAdapter:
    """Calls ``app`` for each request; a body of more than ``max_body`` bytes is a 413, never held in memory.

    Raises :class:`SettingsError`, naming every reason, for an app that cannot be served faithfully.
    """

    def __init__(self, app: Chalice, max_body: int = MAX_BODY) -> None:
        if reasons := list(_unservable(app)):
            raise SettingsError(reasons)
        self._app, self._max_body = app, max_body
        self._routes = RouteTable(app.routes)
        self._head_as_get = {path for path, on in app.routes.items() if "GET" in on and "HEAD" not in on}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        request_id = str(uuid4())
        try:
            status, headers, body = _to_wsgi(self._answer(environ, request_id))
        except (Exception, SystemExit):  # a view that exits fails its own request, not the connection
            log.exception("request %s failed", request_id)
            detail = "The request failed here; the log tells why, under this request_id."
            response = problem(500, "internal", "Internal error", detail, request_id=request_id)
            status, headers, body = _to_wsgi(response.to_dict())
        start_response(status, headers)
        return [] if not body or environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: WSGIEnvironment, request_id: str) -> Event:
        try:
            event = self._event(environ, request_id)
        except ServiceError as error:
            return from_error(error).to_dict()
        return self._app(event, None)

    def _event(self, environ: WSGIEnvironment, request_id: str) -> Event:
        path = _raw_path(environ)
        resource, path_parameters = self._routes.match(path)
        method = environ["REQUEST_METHOD"]
        if method == "HEAD" and resource in self._head_as_get:
            method = "GET"
        body, is_base64 = as_text(read_body(environ, self._max_body))
        headers, query = _headers(environ), _query(environ.get("QUERY_STRING", ""))
        return {
            "resource": resource,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            # WSGI has already joined repeated fields with commas, and taking a value apart again would
            # break those that hold a comma (dates, cookies): so each list has one element.
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": query and {name: values[-1] for name, values in query.items()},
            "multiValueQueryStringParameters": query,
            "pathParameters": path_parameters,
            "stageVariables": None,
            "requestContext": {
                "resourcePath": resource,
                "path": path,
                "httpMethod": method,
                "requestId": request_id,
                "identity": {"sourceIp": environ.get("REMOTE_ADDR"), "userAgent": headers.get("User-Agent")},
            },
            "body": body,
            "isBase64Encoded": is_base64,
        }


class RouteTable:
    """Finds the route pattern of a path. A trailing slash is ignored, as API Gateway does."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._literal: dict[str, str] = {}
        self._by_length: dict[int, list[tuple[str, list[str]]]] = {}
        for pattern in patterns:
            if "{" not in pattern:
                self._literal[pattern.removesuffix("/")] = pattern
            else:
                segments = pattern.split("/")
                self._by_length.setdefault(len(segments), []).append((pattern, segments))
        for candidates in self._by_length.values():  # /a/b/{c} is tried before /a/{b}/c
            candidates.sort(key=lambda candidate: [segment[:1] == "{" for segment in candidate[1]])

    def match(self, path: str) -> tuple[str, dict[str, str] | None]:
        """The pattern and its parameters, still URL-encoded as Chalice has them. Raises NotFound."""
        path = path.removesuffix("/")
        if (literal := self._literal.get(path)) is not None:
            return literal, None
        parts = path.split("/")
        for pattern, segments in self._by_length.get(len(parts), ()):
            pairs = list(zip(segments, parts, strict=True))
            if all(part != "" if segment[:1] == "{" else segment == part for segment, part in pairs):
                return pattern, {segment[1:-1]: part for segment, part in pairs if segment[:1] == "{"}
        raise NotFound("Nothing has this path.")


def _unservable(app: Chalice) -> Iterator[str]:
    if not isinstance(app, ThreadLocalChalice):
        yield f"the app is a {type(app).__name__}, which mixes up threads: make it a ThreadLocalChalice"
    for route in chain.from_iterable(methods.values() for methods in app.routes.values()):
        name = f"{route.method} {route.uri_pattern}"
        if route.authorizer is not None:
            yield f"{name} has an authorizer, which only API Gateway enforces"
        if route.api_key_required:
            yield f"{name} requires an API Gateway key, which only API Gateway enforces"
        if re.search("[{}]", re.sub(r"(?<=/){\w+}(?=/|$)", "", route.uri_pattern)):
            yield f"{name}: a path parameter is written {{name}} and fills its segment"
    for key in app.websocket_handlers:
        yield f"the websocket handler for {key} cannot be served here"


def _raw_path(environ: WSGIEnvironment) -> str:
    """The path as it was sent, still encoded: %2F stays inside its segment.

    WSGI's own PATH_INFO is decoded already, so a server that gives no RAW_URI loses that difference.
    """
    raw = environ.get("RAW_URI")
    if raw is None:
        return quote(environ["PATH_INFO"].encode("latin-1"), safe=_PATH_SAFE)
    path: str = raw.partition("?")[0].partition("#")[0]
    if "://" in path and not path.startswith("/"):  # the absolute form, http://host/path
        path = "/" + path.partition("://")[2].partition("/")[2]
    if prefix := environ.get("SCRIPT_NAME"):
        path = path.removeprefix(prefix)
    return path if path.isascii() else quote(path.encode("latin-1"), safe=_PATH_SAFE + "%")


@lru_cache(maxsize=512)
def _header_name(key: str) -> str | None:
    """``X-Api-Key`` for ``HTTP_X_API_KEY``; None for what is no header."""
    if key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        return key.removeprefix("HTTP_").replace("_", "-").title()
    return None


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """The headers that were sent, an empty one too: it is not the same as none. Content headers WSGI has by itself."""
    sent = {key: value for key, value in environ.items() if value or key.startswith("HTTP_")}
    return {name: value for key, value in sent.items() if (name := _header_name(key))}


def _query(text: str) -> dict[str, list[str]] | None:
    if not text:
        return None
    if not text.isascii():  # WSGI shows bytes as latin-1
        text = text.encode("latin-1").decode("utf-8", "replace")
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
        query.setdefault(name, []).append(value)
    return query or None


def _to_wsgi(answer: Event) -> tuple[str, Headers, bytes]:
    """Status line, headers and body. Raises what a malformed answer makes it raise."""
    code, text = answer["statusCode"], answer.get("body") or ""
    if type(code) is not int or not 200 <= code <= 599:
        raise ValueError(f"statusCode {code!r} is no HTTP status")
    status, headers = f"{code} {responses.get(code, 'Unknown')}", _answer_headers(answer)
    if code in (204, 304):  # these have no body, and then no length
        return status, headers, b""
    body = b64decode(text, validate=True) if answer.get("isBase64Encoded") else text.encode()
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))  # as API Gateway does
    headers.append(("Content-Length", str(len(body))))
    return status, headers, body


def _answer_headers(answer: Event) -> Headers:
    multiple = answer.get("multiValueHeaders") or {}
    headers = [(name, value) for name, values in multiple.items() for value in values]
    headers += [item for item in (answer.get("headers") or {}).items() if item[0] not in multiple]
    for name, value in headers:
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            raise ValueError(f"the header {name!r} cannot be sent")
    return [(name, value) for name, value in headers if name.lower() not in _NOT_THE_APPS]
