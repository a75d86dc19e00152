"""A Sentry to test with: takes in envelopes over HTTP, as sentry-sdk sends them."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Sentry:
    """``raw``: the text of every envelope that came."""

    def __init__(self) -> None:
        self.raw: list[str] = []
        sentry = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sentry.raw.append(
                    (gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body).decode()
                )
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def dsn(self) -> str:
        return f"http://publickey@127.0.0.1:{self.server.server_port}/1"

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


@contextmanager
def sentry() -> Iterator[Sentry]:
    """One that runs."""
    made = Sentry()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
