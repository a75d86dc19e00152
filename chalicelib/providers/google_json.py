"""JSON as RFC 8259 has it, written and read: Python's own also knows NaN and Infinity."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from chalicelib.providers.google_errors import RestError


def written(service: str, body: Any) -> bytes:
    """A request's body. Raises ProviderError (refused)."""
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise RestError(f"{service}: what is asked cannot be said in JSON", "refused") from None


def read_object(service: str, answer: bytes) -> dict[str, Any]:
    """An answer's JSON object. Raises ProviderError (bad-answer)."""
    try:
        value = read(answer)
    except (ValueError, RecursionError):
        raise RestError(f"{service} answered something that is not JSON", "bad-answer") from None
    if not isinstance(value, dict):
        raise RestError(f"{service} answered JSON that is no object", "bad-answer")
    return value


def read(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError and, for one that is nested too deep, RecursionError."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
