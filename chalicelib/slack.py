"""Posting to a channel of Slack by an incoming webhook. What goes wrong is told, and never anybody's failure."""

from __future__ import annotations

import re
from typing import Any

from slack_sdk.errors import SlackClientError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryState
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.webhook import WebhookClient

SECONDS, ATTEMPTS, PATIENCE = 5, 3, 30  # of one attempt; in all; that Slack may ask us to wait
SIGNS = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class _RateLimit(RateLimitErrorRetryHandler):
    """Waits as long as Slack asks, if that is not long: somebody is waiting, too."""

    def __init__(self, attempts: int, patience: float) -> None:
        super().__init__(max_retry_count=attempts - 1)
        self._patience = patience

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if not super()._can_retry(state=state, request=request, response=response, error=error):
            return False
        headers = response.headers if response else {}
        asked = [value for name, values in headers.items() if name.lower() == "retry-after" for value in values]
        return all(value.isdigit() and int(value) <= self._patience for value in asked)


def post(webhook: str, message: dict[str, Any], attempts: int = ATTEMPTS, patience: float = PATIENCE) -> str | None:
    """Posts a message (``text``, ``blocks``); gives why it was not taken, or None.

    Args:
        webhook: its URL; what is no webhook's is refused by the settings.
        attempts: in all.
        patience: seconds that Slack may ask us to wait.
    """
    again = [_RateLimit(attempts, patience), ServerErrorRetryHandler(max_retry_count=attempts - 1)]
    again.append(ConnectionErrorRetryHandler(max_retry_count=attempts - 1))
    client = WebhookClient(webhook, timeout=SECONDS, retry_handlers=again)
    try:
        answer = client.send(text=message["text"], blocks=message["blocks"])
    except (OSError, SlackClientError) as error:
        return type(error).__name__  # its text may hold the URL, which is a secret
    return None if answer.status_code == 200 else f"Slack said {answer.status_code} {answer.body[:100]}"


def escaped(text: str) -> str:
    """As Slack asks for: the three signs that begin its own marks."""
    return re.sub("[&<>]", lambda found: SIGNS[found[0]], text)
