"""Who is told what, as the settings say: logs, Sentry, traces, alerts. Nothing is imported that is not configured."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from chalicelib.observed import Observe
from chalicelib.settings import Settings

ON_LAMBDA = "AWS_LAMBDA_RUNTIME_API"  # set by Lambda for the process of a function
FLUSH_SECONDS, SPARE_SECONDS = 2.0, 0.5  # for alerts, of what is left of an invocation; of it not for them

OBSERVERS: dict[str, Observe] = {}  # what for -> who is told, by every service made from now on
SecondsLeft = Callable[[], float | None]


def start(settings: Settings, store: Callable[[], Any]) -> None:
    """From now on. ``store``: gives the process's."""
    logging.getLogger("artemis").setLevel(settings.log_level)
    if ON_LAMBDA in os.environ:
        log_as_json(settings)
    if settings.sentry:
        _report_to_sentry(settings)
    if settings.otlp_endpoint:
        OBSERVERS["traces"] = _tracing(settings.otlp_endpoint, settings.stage).trace
    if settings.slack_webhook:
        _alert(settings, store)


def middleware(settings: Settings, seconds_left: SecondsLeft) -> list[Callable[..., Any]]:
    """What stands around every request. ``seconds_left``: of an invocation of Lambda."""
    around: list[Callable[..., Any]] = []
    if settings.otlp_endpoint:
        around.append(_tracing(settings.otlp_endpoint, settings.stage).middleware(seconds_left))
    if settings.sentry:
        from chalicelib import sentry

        around.append(sentry.middleware(seconds_left))
    if settings.slack_webhook:
        around.append(partial(_told_before_the_freeze, seconds_left))
    return around


def log_as_json(settings: Settings) -> None:
    """Structured logs from now on, with a line for each decision; on Lambda with its metrics."""
    from chalicelib.logs import configure, log_decision

    configure(settings.stage, settings.log_level)
    OBSERVERS["log"] = log_decision(with_metrics=ON_LAMBDA in os.environ)


def flush(seconds: float = FLUSH_SECONDS) -> None:
    """Waits until people have been alerted of what was logged, or until then."""
    for handler in logging.getLogger("artemis").handlers:
        alerts = getattr(handler, "alerts", None)
        if alerts is not None:
            alerts.flush(seconds)


def _told_before_the_freeze(seconds_left: SecondsLeft, request: Any, get_response: Callable[[Any], Any]) -> Any:
    """On Lambda: what waits is told before the process freezes. Where it does not freeze nobody waits."""
    try:
        return get_response(request)
    finally:
        left = seconds_left()
        if left is not None:
            flush(max(0.0, min(FLUSH_SECONDS, left - SPARE_SECONDS)))


def _report_to_sentry(settings: Settings) -> None:
    from chalicelib import __version__, sentry
    from chalicelib.runtime import revision

    assert settings.sentry
    known = revision()
    release = f"artemis@{__version__}" + (f"+{known}" if known else "")
    sentry.start(settings.sentry.dsn, settings.stage, release, settings.sentry.traces, ON_LAMBDA in os.environ)
    OBSERVERS["sentry"] = sentry.trace


def _alert(settings: Settings, store: Callable[[], Any]) -> None:
    """Once: a service that is made anew is heard by the listener that is there."""
    from chalicelib import alerts

    logger = logging.getLogger("artemis")
    if any(isinstance(handler, alerts.Listener) for handler in logger.handlers):
        return

    def post(message: dict[str, Any]) -> str | None:
        from chalicelib import slack

        assert settings.slack_webhook
        return slack.post(settings.slack_webhook, message, alerts.ATTEMPTS, alerts.PATIENCE)

    logger.addHandler(alerts.Listener(alerts.Alerts(post, settings.stage, store), settings.outcome_shift))


@lru_cache(maxsize=1)
def _tracing(endpoint: str, stage: str) -> Any:
    """The process's sender of OpenTelemetry's spans."""
    from chalicelib import __version__
    from chalicelib.tracing import Tracing

    return Tracing(endpoint, stage, __version__)
