"""The header with which a request can be sent again: read, answered, and described."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.errors import Invalid

if TYPE_CHECKING:
    from chalicelib.service import Decided

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEY = re.compile(r"[!-~]{1,200}")

PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "description": "Made up for one request, such as a UUID. With the same key and body the request may be sent again"
    " for 24 hours: it is decided once, and no model is paid twice for it.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}
REPLAYED_HEADER: dict[str, Any] = {
    "description": "true where this is what an earlier request with the same Idempotency-Key was answered",
    "schema": {"enum": ["true"]},
}


def key_of(headers: Mapping[str, str]) -> str | None:
    """The key that the caller sent, or None. Raises Invalid."""
    key = headers.get(HEADER.lower())
    if key is not None and not KEY.fullmatch(key):
        detail = f"the header {HEADER} has 1 to 200 visible ASCII characters, none of them a space"
        raise Invalid([{"pointer": "", "detail": detail}])
    return key


def headers_of(decided: Decided) -> dict[str, str | list[str]]:
    """Where the decision is found, and whether it was made before."""
    replayed: dict[str, str | list[str]] = {REPLAYED: "true"} if decided.replayed else {}
    return {"Location": f"/v1/decisions/{decided.id}", **replayed}
