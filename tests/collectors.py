"""A collector of OpenTelemetry's traces to test with: takes in what the exporter sends."""

from __future__ import annotations

import gzip
import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.emulators.server import Emulator, Reply, Request, Route


class Collector(Emulator):
    """``spans``: all that came."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Any] = []

    def routes(self) -> list[Route]:
        return [Route("POST", "/v1/traces", self.take)]

    def take(self, request: Request) -> Reply:
        packed = request.headers.get("Content-Encoding") == "gzip"
        body = gzip.decompress(request.body) if packed else request.body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return 200, b"", {}

    @property
    def endpoint(self) -> str:
        return f"{self.url}/v1/traces"

    def wait(self, name: str, seconds: float = 15) -> Any:
        """The span of that name, once it is there."""
        end = time.monotonic() + seconds
        while not (found := [span for span in self.spans if span.name == name]):
            assert time.monotonic() < end, f"no span {name}"
            time.sleep(0.05)
        return found[0]
