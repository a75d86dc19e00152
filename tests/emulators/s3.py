"""S3 of the AWS emulator, with errors as S3 writes them, and how many bytes went out.

An entry of ``calls`` has also ``range`` (the header, or None) and ``sent`` (bytes of the answer's body).

    with started() as s3:                    for a module's fixture: making a client takes a quarter of a second
        policy = PhotoPolicy(buckets=("member-photos",), objects=s3.objects)
        s3.clear()                           between tests: no object, no call, no fault
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.moto_api._internal import moto_api_backend
from moto.s3.models import s3_backends

from chalicelib.buckets import Buckets
from tests.emulators.aws import ACCOUNT, SAID, Aws
from tests.emulators.server import Reply, Request

CODES = {301: "PermanentRedirect", 400: "ExpiredToken", 403: "AccessDenied", 503: "SlowDown"}


class S3(Aws):
    """An AWS account of which S3 is used."""

    objects: Buckets

    def clear(self) -> None:
        """As it was when it started."""
        self.faults.clear()
        self.calls.clear()
        self.latency = 0.0
        moto_api_backend.reset()

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
        if request.method == "HEAD" and status == 200 and _keeps_versions(request.path.split("/")[1]):
            headers.setdefault("X-Amz-Version-Id", "null")  # of what was written before; moto does not say it
        return status, body, headers


def _keeps_versions(bucket: str) -> bool:
    found = s3_backends[ACCOUNT]["aws"].buckets.get(bucket)
    return found is not None and found.is_versioned


@contextmanager
def started() -> Iterator[S3]:
    """An S3 with a client of it, and the credentials that the client finds in the environment."""
    with S3() as s3, pytest.MonkeyPatch.context() as patch:
        for name, value in s3.environment().items():
            patch.setenv(name, value)
        s3.objects = Buckets(endpoint=s3.url)
        yield s3
