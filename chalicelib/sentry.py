"""Errors and traces to Sentry, where a DSN is configured. Nothing of this is imported otherwise.

What is logged as an error is what is reported: failed decisions with their step, cell and line, and unhandled
errors. What was asked is never sent: no body, no query, no header, no variable's value, and of a failed decision not
what its exception said, since that may quote the request; the log has it.

sentry-sdk's own integration reports what a handler raises on Lambda. It knows one name for all requests, the
function's, and asks Lambda's context for it, so that on a server every request would fail; so it is used on Lambda
only, and each request is a transaction of ours, named by its route, which events get, too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk.integrations.chalice import ChaliceIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration

from chalicelib.notices import FailedStep
from chalicelib.observed import Observed
from chalicelib.redaction import INPUT
from chalicelib.sensitive import MASK

if TYPE_CHECKING:
    from sentry_sdk.types import Event

FLUSH_SECONDS = 2.0  # at most, of what is left of an invocation
SPARE_SECONDS = 0.5  # of an invocation, not for Sentry
ROUTE: ContextVar[str | None] = ContextVar("route", default=None)
KEPT = ("method", "url")  # of a request


def start(dsn: str, stage: str, release: str, sample_rate: float, on_lambda: bool) -> None:
    """Report from now on. ``sample_rate``: the share of requests whose trace is sent."""
    sentry_sdk.init(
        dsn,
        environment=stage,
        release=release,
        integrations=[DedupeIntegration(), *([ChaliceIntegration()] if on_lambda else [])],
        default_integrations=False,
        auto_enabling_integrations=False,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=sample_rate,
        before_send=_scrubbed,
        before_send_transaction=_scrubbed,
        shutdown_timeout=FLUSH_SECONDS,
    )
    log = logging.getLogger("artemis")
    if not any(isinstance(handler, Reporter) for handler in log.handlers):
        log.addHandler(Reporter(logging.ERROR))


def middleware(seconds_left: Callable[[], float | None]) -> Callable[[Any, Callable[[Any], Any]], Any]:
    """For Chalice: each request a transaction named by its route. On Lambda it is sent before the process freezes.

    ``seconds_left``: of the invocation; None where nothing freezes.
    """

    def traced(request: Any, get_response: Callable[[Any], Any]) -> Any:
        route = f"{request.method} {request.context.get('resourcePath') or request.path}"
        token = ROUTE.set(route)
        try:
            with (
                sentry_sdk.isolation_scope(),
                sentry_sdk.start_transaction(op="http.server", name=route, source="route") as whole,
            ):
                response = get_response(request)
                whole.set_http_status(response.status_code)
            return response
        finally:
            ROUTE.reset(token)
            left = seconds_left()
            if left is not None:
                sentry_sdk.flush(timeout=max(0.0, min(FLUSH_SECONDS, left - SPARE_SECONDS)))

    return traced


def trace(seen: Observed) -> None:
    """A span for each step of a decision, in the request's transaction."""
    whole = sentry_sdk.get_current_span()
    if whole is None or not whole.sampled:
        return
    whole.set_tag("use_case", seen.use_case)
    whole.set_data("decision_id", seen.id)
    for name, (began, ended) in seen.spans.items():
        span = whole.start_child(op="step", name=name, start_timestamp=began)
        span.finish(end_timestamp=ended)


class Reporter(logging.Handler):
    """Sends what is logged as an error."""

    def emit(self, record: logging.LogRecord) -> None:
        failed = record.__dict__.get("_failed")
        if isinstance(failed, FailedStep):
            sentry_sdk.capture_event(_event(failed))
        elif record.exc_info and record.exc_info[1] is not None:
            sentry_sdk.capture_exception(record.exc_info[1])
        else:
            sentry_sdk.capture_message(str(record.msg), level="error")  # the template: what was put in may be anything


def _event(failed: FailedStep) -> Event:
    error = failed.failure.error
    tags = {
        "use_case": failed.use_case,
        "version": failed.version,
        "step": failed.failure.step,
        "kind": failed.failure.kind,
    }
    tags |= {key: str(error[key]) for key in ("notebook", "cell", "line", "error") if key in error}
    exception: dict[str, Any] = {"type": str(error.get("type", "Error")), "value": failed.detail}
    frames = getattr(getattr(error, "traceback", None), "frames", None)
    if frames is not None:
        exception["stacktrace"] = {"frames": frames()}
    return {
        "level": "error",
        "exception": {"values": [exception]},
        "tags": tags,
        "contexts": {"decision": {"id": failed.decision_id}},
        "fingerprint": [
            failed.use_case,
            *(str(tags.get(key)) for key in ("kind", "step", "error", "cell", "line")),
            exception["type"],
        ],
    }


def _scrubbed(event: Event, hint: dict[str, Any]) -> Event:
    """The event without anything that was asked."""
    request = event.get("request") or {}
    event["request"] = {key: request[key] for key in KEPT if key in request}
    if "url" in event["request"]:
        event["request"]["url"] = str(request["url"]).partition("?")[0]
    event["tags"] = {**(event.get("tags") or {}), "stage": str(event.get("environment"))}
    if route := ROUTE.get():
        event["transaction"], event["transaction_info"] = route, {"source": "route"}
    for key in ("user", "extra", "breadcrumbs", "server_name", "modules"):
        event.pop(key, None)  # type: ignore[misc]  # of any name
    for exception in (event.get("exception") or {}).get("values") or ():
        exception["value"] = INPUT.sub(f"input_value={MASK}, input_type=", str(exception.get("value") or ""))
    return event
