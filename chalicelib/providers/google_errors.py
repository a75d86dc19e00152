"""What goes wrong between us and a Google REST API, as ProviderError: with a code, and whether to try again.

Which statuses and reasons are worth another attempt: https://cloud.google.com/bigquery/docs/error-messages and
https://google.aip.dev/194. Nothing of an answer's own words is repeated, save its reason code and, for SQL, the place
of the error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chalicelib.errors import ProviderError

PATIENCE = 60.0  # seconds; who asks to be asked again later than that is not waited for
AGAIN = {408, 429, 500, 502, 503, 504}
BUSY = {"rateLimitExceeded", "jobRateLimitExceeded"}  # BigQuery sends them with 403; a moment later it may work
USED_UP = {"quotaExceeded", "RESOURCE_EXHAUSTED"}
PASSING = {"backendError", "internalError", "jobBackendError", "jobInternalError"}  # sent with 400, too
REASON = re.compile(r"[A-Za-z_]{1,40}")
PLACE = re.compile(r"\[\d{1,6}:\d{1,6}\]")
HINTS = {
    "credentials": "check the credentials of this platform and what its service account may do",
    "refused": "check the names in the stage file and what the task asks",
}


class RestError(ProviderError):
    """``again``: whether another attempt may help; ``wait``: after how many seconds at least."""

    def __init__(self, message: str, code: str, again: bool = False, wait: float = 0.0) -> None:
        super().__init__(message, code=code, attempts=0)
        self.again, self.wait = again, wait


def refusal(service: str, status: int, headers: Mapping[str, str], answer: bytes) -> RestError:
    """The failure that an answer with a status other than 200 is."""
    reason, place = _reason(answer)
    code, wait = _code(status, reason), _wait(headers)
    again = (status in AGAIN or reason in BUSY | PASSING) and wait <= PATIENCE
    said = " ".join(filter(None, (f"{service} answered {status}", f"({reason})" * bool(reason), place)))
    return RestError("; ".join(filter(None, (said, HINTS.get(code, "")))), code, again, wait)


def _code(status: int, reason: str) -> str:
    if status == 429 or reason in BUSY | USED_UP:
        return "throttled"
    if status in (401, 403):
        return "credentials"
    if status == 408:
        return "timeout"
    if status >= 500 or reason in PASSING:
        return "server-error"
    return "refused" if status >= 400 else "bad-answer"  # a redirect, or a success without content


def _reason(answer: bytes) -> tuple[str, str]:
    """The reason code and, where SQL is wrong, ``[line:column]``: a message itself may repeat what was asked."""
    try:
        error = json.loads(answer)["error"]
        named = (error.get("errors") or [{}])[0].get("reason") or error.get("status") or ""
        place = PLACE.search(str(error.get("message", "")))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return "", ""
    return named if REASON.fullmatch(str(named)) else "", place[0] if place else ""


def _wait(headers: Mapping[str, str]) -> float:
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        return float(Retry().parse_retry_after(headers.get("Retry-After", "0")))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


@contextmanager
def translated(service: str) -> Iterator[None]:
    """Raise what google-auth, requests and urllib3 raise as a :class:`RestError`."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        raise _failure(service, error) from None


def _failure(service: str, error: Exception) -> RestError:
    if isinstance(error, ImportError):
        return RestError(f"{service}: {error.name} is not installed, see requirements.txt", "not-configured")
    known = _of_authentication(service, error) or _of_transport(service, error)
    return known or RestError(f"{service}: the call failed ({type(error).__name__})", "failed")


def _of_authentication(service: str, error: Exception) -> RestError | None:
    from google.auth import exceptions

    if isinstance(error, exceptions.TransportError):
        if isinstance(error.args[-1], int):
            return RestError(f"{service}: the token's server answered {error.args[-1]}", "server-error", again=True)
        cause = error.__cause__
        failure = _of_transport(service, cause) if isinstance(cause, Exception) else None
        return failure or RestError(f"{service}: the token's server does not answer", "unreachable", again=True)
    if isinstance(error, exceptions.DefaultCredentialsError):
        return RestError(f"{service}: this platform has no Google credentials; {HINTS['credentials']}", "credentials")
    if isinstance(error, exceptions.GoogleAuthError):
        return RestError(f"{service}: no token was given for the credentials; {HINTS['credentials']}", "credentials")
    return None


def _of_transport(service: str, error: Any) -> RestError | None:
    import requests.exceptions as http
    import urllib3.exceptions as pool

    if isinstance(error, (http.Timeout, pool.TimeoutError)):
        return RestError(f"{service} did not answer in time", "timeout", again=True)
    if isinstance(error, (http.ConnectionError, http.ChunkedEncodingError, pool.ProtocolError, ConnectionError)):
        return RestError(f"{service} is not reachable", "unreachable", again=True)
    if isinstance(error, (http.ContentDecodingError, pool.DecodeError)):
        return RestError(f"{service} answered something that cannot be decoded", "bad-answer")
    return None
