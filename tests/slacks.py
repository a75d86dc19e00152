"""A channel's incoming webhook to test with."""

from __future__ import annotations

import time
from typing import Any

from tests.emulators.server import Emulator, Reply, Request, Route


class Slack(Emulator):
    """Answers with each of ``answers`` in turn, then with 200. ``posted``: the bodies that came."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: list[dict[str, Any]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []

    def routes(self) -> list[Route]:
        return [Route("POST", "/services/T/B/secret", self.webhook)]

    def webhook(self, request: Request) -> Reply:
        self.posted.append(request.json())
        status, headers = self.answers.pop(0) if self.answers else (200, {})
        return status, b"ok", headers

    @property
    def hook(self) -> str:
        return f"{self.url}/services/T/B/secret"

    def texts(self, count: int, seconds: float = 10) -> list[str]:
        """What was posted, once there are so many."""
        until = time.monotonic() + seconds
        while len(self.posted) < count and time.monotonic() < until:
            time.sleep(0.02)
        return [one["text"] for one in self.posted]
