"""POST JSON, get JSON, over one pool of connections per process: bounded in time and size, retried while time is left.

Certificates are checked against the system's, or what ``SSL_CERT_FILE`` names. Redirects are not followed, and
proxies and .netrc of the environment play no part: a photo goes to the configured address and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from chalicelib.errors import ProviderError

if TYPE_CHECKING:
    import tenacity
    import urllib3

POOL = 32  # connections that are kept for each server
CHUNK = 65_536  # bytes
AGAIN = frozenset({429, 502, 503, 504})  # what a second attempt may mend
BACKOFF, LONGEST = 0.1, 2.0  # seconds: attempt n waits up to BACKOFF * 2^(n-1), at random


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to ask. ``place``: where that is configured, for messages; ``token_env``: the variable with its token."""

    url: str
    place: str
    token_env: str | None = None


class _Again(ProviderError):
    """A failure that another attempt may mend, after so many seconds."""

    after: float = 0.0


class JsonClient:
    """Safe to use from many threads.

    Args:
        attempts: how often a call is tried at most.
        max_bytes: of an answer.
    """

    def __init__(self, attempts: int, max_bytes: int) -> None:
        self._attempts, self._max_bytes = attempts, max_bytes
        self._lock = Lock()
        self._made: urllib3.PoolManager | None = None

    def post(self, target: Target, content: Any, limit: float) -> tuple[Any, int]:
        """The JSON that the server answers, and the number of attempts. ``limit``: seconds for all of them.

        Raises ProviderError for whatever goes wrong, with its code and the number of attempts.
        """
        body, headers = _body(target, content), _headers(target)
        until, attempts = perf_counter() + limit, 0

        def once() -> Any:
            nonlocal attempts
            attempts += 1
            return self._once(target, body, headers, until)

        try:
            return self._retrying(limit)(once), attempts
        except ProviderError as error:  # anew: its class is our own business, and is shown where it is not caught
            raise ProviderError(str(error), error.code, attempts) from None

    def _retrying(self, limit: float) -> tenacity.Retrying:
        import tenacity

        backoff = tenacity.wait_random_exponential(multiplier=BACKOFF, max=LONGEST)
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Again),
            wait=lambda state: getattr(state.outcome and state.outcome.exception(), "after", 0.0) + backoff(state),
            stop=tenacity.stop_after_attempt(self._attempts) | tenacity.stop_before_delay(limit),
            reraise=True,
        )

    def _once(self, target: Target, body: bytes, headers: dict[str, str], until: float) -> Any:
        import urllib3

        left = until - perf_counter()
        if left <= 0:
            raise ProviderError(f"{target.place}: no answer in time", code="timeout")
        try:
            response = self._pool().request(
                "POST",
                target.url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(total=left),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            with response:
                content = self._read(response, target.place, until)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _unanswered(error, target.place) from None
        _check_status(response, target.place)
        return _parsed(content, target.place)

    def _read(self, response: urllib3.BaseHTTPResponse, place: str, until: float) -> bytes:
        """The body, piece by piece: a server that sends one byte now and then must not hold the caller for ever."""
        content = bytearray()
        while chunk := response.read1(CHUNK):
            content += chunk
            if len(content) > self._max_bytes:
                raise ProviderError(f"{place}: the answer has over {self._max_bytes} bytes", code="bad-answer")
            if perf_counter() > until:
                raise ProviderError(f"{place}: no whole answer in time", code="timeout")
        response.release_conn()
        return bytes(content)

    def _pool(self) -> urllib3.PoolManager:
        if self._made is None:
            import urllib3

            with self._lock:
                self._made = self._made or urllib3.PoolManager(maxsize=POOL)
        return self._made


def _body(target: Target, content: Any) -> bytes:
    try:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError):
        message = f"{target.place}: what is asked is not JSON: give text, numbers that are finite, lists and dicts"
        raise ProviderError(message, code="refused", attempts=0) from None


def _headers(target: Target) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "artemis"}
    if target.token_env is not None:
        token = os.environ.get(target.token_env, "").strip()
        if not token or not all("!" <= character <= "~" for character in token):
            message = f"{target.place}: the environment variable {target.token_env} holds no token; set it"
            raise ProviderError(message, code="not-configured", attempts=0)
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _unanswered(error: Exception, place: str) -> ProviderError:
    from urllib3 import exceptions

    if isinstance(error, (exceptions.NewConnectionError, exceptions.ProtocolError, ConnectionError)):
        return _Again(f"{place}: no connection, or it broke off", code="unreachable")
    if isinstance(error, (exceptions.TimeoutError, TimeoutError)):
        return ProviderError(f"{place}: no answer in time", code="timeout")
    if isinstance(error, exceptions.DecodeError):
        return ProviderError(f"{place}: the answer's compression is broken", code="bad-answer")
    kind = type(error).__name__  # its text may hold the address
    return ProviderError(f"{place}: no connection ({kind}); check the url and the certificate", code="unreachable")


def _check_status(response: urllib3.BaseHTTPResponse, place: str) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    code, advice = _meaning(status)
    message = f"{place}: the server answered status {status}{advice}"
    if status not in AGAIN:
        raise ProviderError(message, code=code)
    again = _Again(message, code=code)
    again.after = _retry_after(response.headers.get("Retry-After"))
    raise again


def _meaning(status: int) -> tuple[str, str]:
    if status < 400:
        return "bad-answer", ", a redirect, which is not followed: set the url that it leads to"
    if status in (401, 403):
        return "credentials", ": check the token in the variable that token_env names"
    if status == 404:
        return "refused", ": check the url and the model's name"
    return ("throttled" if status == 429 else "server-error" if status >= 500 else "refused"), ""


def _retry_after(value: str | None) -> float:
    """Seconds, from a number or a date (RFC 9110, 10.2.3); 0 where there is none that can be read."""
    from urllib3 import Retry
    from urllib3.exceptions import InvalidHeader

    if value is None or re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return float(value or 0)
    try:
        return max(0.0, Retry().parse_retry_after(value))
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0


def _parsed(content: bytes, place: str) -> Any:
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError:
        raise ProviderError(f"{place}: the answer is not JSON (RFC 8259: no NaN either)", code="bad-answer") from None
