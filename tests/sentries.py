"""A Sentry to test with: takes in envelopes over HTTP, as sentry-sdk sends them."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

from tests.emulators.server import Emulator, Reply, Request, Route


class Sentry(Emulator):
    """``raw``: the text of every envelope that came."""

    def __init__(self) -> None:
        super().__init__()
        self.raw: list[str] = []

    def routes(self) -> list[Route]:
        return [Route("POST", "/api/1/envelope/", self.envelope)]

    def envelope(self, request: Request) -> Reply:
        packed = request.headers.get("Content-Encoding") == "gzip"
        self.raw.append((gzip.decompress(request.body) if packed else request.body).decode())
        return 200, {}, {}

    @property
    def dsn(self) -> str:
        return f"{self.url.replace('://', '://publickey@')}/1"

    def items(self, kind: str) -> list[dict[str, Any]]:
        """What came of that type: "event" or "transaction"."""
        found = []
        for raw in list(self.raw):
            lines = raw.split("\n")[1:]
            found += [
                json.loads(text)
                for head, text in zip(lines[::2], lines[1::2], strict=False)
                if json.loads(head)["type"] == kind
            ]
        return found

    def wait(self, kind: str, count: int = 1, seconds: float = 10) -> list[dict[str, Any]]:
        """As ``items``, once there are that many. Raises AssertionError when they do not come."""
        end = time.monotonic() + seconds
        while len(self.items(kind)) < count:
            assert time.monotonic() < end, f"{len(self.items(kind))} of {count} {kind}s came"
            time.sleep(0.02)
        return self.items(kind)
