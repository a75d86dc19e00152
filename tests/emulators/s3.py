"""S3 of the AWS emulator, with errors as S3 writes them, and how many bytes went out.

An entry of ``calls`` has also ``range`` (the header, or None) and ``sent`` (bytes of the answer's body).
"""

from __future__ import annotations

from typing import Any

from chalicelib.buckets import Buckets
from tests.emulators.aws import SAID, Aws
from tests.emulators.server import Reply, Request

CODES = {301: "PermanentRedirect", 400: "ExpiredToken", 403: "AccessDenied", 503: "SlowDown"}


class S3(Aws):
    """An AWS account of which S3 is used."""

    def buckets(self) -> Buckets:
        """A client of it. The credentials are those of the environment."""
        return Buckets(endpoint=self.url)

    def error(self, status: int) -> Any:
        code = CODES.get(status, "InternalError")
        return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{SAID}</Message></Error>".encode()

    @property
    def sent(self) -> int:
        """Bytes of all bodies so far."""
        return sum(call.get("sent", 0) for call in self.calls)

    def _others(self, request: Request) -> Reply:
        status, body, headers = super()._others(request)
        request.note(range=request.headers.get("Range"), sent=len(body))
        return status, body, headers
