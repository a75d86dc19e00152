"""The edge: what a view returns or raises becomes an HTTP answer, and nothing leaks."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import uuid4

from chalice.app import Request, Response

from chalicelib.errors import Malformed, ServiceError, SettingsError
from chalicelib.http.problems import from_chalice, from_error, problem
from chalicelib.sourcemap import map_record

log = logging.getLogger("artemis")
log.addFilter(map_record)  # an error of exported code is logged with its place in the notebook

JSON: dict[str, str | list[str]] = {"Content-Type": "application/json"}


def answers(view: Callable[..., Any]) -> Callable[..., Response]:
    """A view that returns JSON text or a value, with every error as a problem."""

    @wraps(view)
    def wrapped(*args: Any, **kwargs: Any) -> Response:
        try:
            body = view(*args, **kwargs)
        except ServiceError as error:
            return from_error(error)
        except Exception as error:
            return unexpected(error)
        if isinstance(body, Response):
            return body
        return Response(_text(body), headers=JSON)

    return wrapped


def created(body: Any) -> Response:
    """201: what was asked for has been stored."""
    return Response(_text(body), status_code=201, headers=JSON)


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def unexpected(error: Exception) -> Response:
    """A 500 problem that says nothing but an id, which is in the log with all there is to know."""
    error_id = uuid4().hex
    log.error("unhandled error %s", error_id, exc_info=error)
    if isinstance(error, SettingsError):
        retry = {"Retry-After": "10"}
        detail = f"the service is misconfigured: see the log, error {error_id}"
        return problem(503, "misconfigured", "Not available right now", detail, retry, error_id=error_id)
    return problem(500, "internal", "Internal error", f"see the log, error {error_id}", error_id=error_id)


def problems(request: Any, get_response: Callable[[Any], Response]) -> Response:
    """Middleware: Chalice's own errors (403, 404, 405, 415) in the shape of ours."""
    return from_chalice(get_response(request))


def body_of(request: Request) -> str | bytes:
    """The body as it was sent. Raises Malformed when the gateway's form of it cannot be read."""
    try:
        return request.raw_body
    except ValueError as error:  # bad base64, half a character
        raise Malformed(f"the body cannot be read: {type(error).__name__}") from None


def query_of(request: Request) -> dict[str, list[str]]:
    """The query's parameters, each with all its values."""
    query: dict[str, list[str]] | None = request.to_original_event()["multiValueQueryStringParameters"]
    return query or {}
