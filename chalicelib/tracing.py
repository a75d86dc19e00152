"""Traces to OpenTelemetry, where an endpoint is configured: a request, its steps, their questions to providers.

Spans are made when a decision is stored, from the times that the engine took anyway, so a step costs nothing more
while it runs. Nothing of this is imported where no endpoint is configured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chalicelib.observed import Observed

NANOSECONDS = 1_000_000_000
FLUSH_MS, SPARE_MS = 2000, 500  # at most, of what is left of an invocation; not for us


class Tracing:
    """Sends spans to ``endpoint``, an OTLP collector's URL for traces over HTTP."""

    def __init__(self, endpoint: str, stage: str, version: str) -> None:
        about = {"service.name": "artemis", "service.version": version, "deployment.environment.name": stage}
        self._provider = TracerProvider(resource=Resource.create(about))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = self._provider.get_tracer("artemis")

    def middleware(self, seconds_left: Callable[[], float | None]) -> Callable[[Any, Callable[[Any], Any]], Any]:
        """For Chalice: each request a span, in the caller's trace where it names one (W3C Trace Context).

        ``seconds_left``: of an invocation of Lambda, which freezes once it has answered; None elsewhere.
        """

        def traced(request: Any, get_response: Callable[[Any], Any]) -> Any:
            route = request.context.get("resourcePath") or "unknown"
            outer = TraceContextTextMapPropagator().extract(dict(request.headers))
            kind, about = trace.SpanKind.SERVER, {"http.request.method": request.method, "http.route": route}
            try:
                with self._tracer.start_as_current_span(f"{request.method} {route}", outer, kind, about) as span:
                    response = get_response(request)
                    span.set_attribute("http.response.status_code", response.status_code)
                return response
            finally:
                left = seconds_left()
                if left is not None:
                    self._provider.force_flush(max(1, min(FLUSH_MS, int(left * 1000) - SPARE_MS)))

        return traced

    def trace(self, seen: Observed) -> None:
        """The spans of one decision, inside the request's."""
        whole = trace.get_current_span()
        whole.set_attributes({"artemis.decision_id": seen.id, "artemis.use_case": seen.use_case})
        whole.set_attributes({"artemis.version": seen.version, "artemis.outcome": seen.outcome or seen.status})
        for name, (began, ended) in seen.spans.items():
            step = self._tracer.start_span(name, start_time=_ns(began))
            inside = trace.set_span_in_context(step)
            for call in seen.by_step.get(name, ()):
                self._call(inside, call, seen.epoch)
            step.end(_ns(ended))

    def _call(self, inside: Any, call: Any, epoch: float) -> None:
        began = epoch + call.began
        about = {"artemis.provider": call.provider, "artemis.model": call.model, "artemis.reused": not call.paid}
        name = f"{call.capability} by {call.provider}"
        span = self._tracer.start_span(name, inside, trace.SpanKind.CLIENT, about, start_time=_ns(began))
        if call.error:
            span.set_attribute("error.type", call.error)
            span.set_status(trace.StatusCode.ERROR)
        span.end(_ns(began + call.ms / 1000))


def _ns(seconds: float) -> int:
    return int(seconds * NANOSECONDS)
