"""RFC 9457 problem details: the one shape every error answer has.

``type`` is ``urn:artemis:problem:<code>`` with a stable code, so clients may switch on it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chalice.app import Response

from chalicelib.errors import ServiceError

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:artemis:problem:"

# What Chalice itself answers, by status: the code and title our clients see instead.
CHALICE_ERRORS = {
    400: ("bad-request", "The request cannot be read"),
    401: ("unauthenticated", "A valid API key is needed"),
    403: ("forbidden", "Not allowed"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "This method is not offered here"),
    415: ("unsupported-media-type", "The body must be application/json"),
    500: ("internal", "Internal error"),
}


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: Mapping[str, str | list[str]] | None = None,
    **members: Any,
) -> Response:
    """One problem as a Chalice response. ``members`` are added beside the standard ones."""
    body = {
        "type": TYPE_PREFIX + code,
        "title": title,
        "status": status,
        "detail": detail,
        **members,
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status_code=status, headers={"Content-Type": MEDIA_TYPE, **(headers or {})})


def from_error(error: ServiceError) -> Response:
    """The problem that a :class:`ServiceError` stands for."""
    return problem(error.status, error.code, error.title, error.detail, error.headers, **error.members)


def from_chalice(response: Response) -> Response:
    """Chalice's own ``{"Code", "Message"}`` errors in our shape; anything else unchanged."""
    body = response.body
    if not (isinstance(body, dict) and {"Code", "Message"} <= body.keys()):
        return response
    code, title = CHALICE_ERRORS.get(response.status_code, ("http-error", "The request failed"))
    return problem(response.status_code, code, title, str(body["Message"]), response.headers)
