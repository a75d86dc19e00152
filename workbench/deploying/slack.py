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

from workbench.shipping.errors import CannotShip

VARIABLE = "ARTEMIS_SLACK_WEBHOOK"
WEBHOOK = re.compile(r"https://hooks\.slack(-gov)?\.com/\S+|http://(127\.0\.0\.1|localhost):\d+/\S*")
SECONDS, ATTEMPTS, PATIENCE = 5, 3, 30  # of one attempt; in all; that Slack may ask us to wait


class _RateLimit(RateLimitErrorRetryHandler):
    """Waits as long as Slack asks, if that is not long: a deployment is waiting, too."""

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
        return all(value.isdigit() and int(value) <= PATIENCE for value in asked)


def post(webhook: str, message: dict[str, Any]) -> str | None:
    """Posts a message; gives why it was not taken, or None. Raises CannotShip for a URL that is no webhook."""
    if not WEBHOOK.fullmatch(webhook):
        raise CannotShip(f"{VARIABLE} is no webhook of Slack's (https://hooks.slack.com/services/…)")
    again = [_RateLimit(max_retry_count=ATTEMPTS - 1), ServerErrorRetryHandler(max_retry_count=ATTEMPTS - 1)]
    again.append(ConnectionErrorRetryHandler(max_retry_count=ATTEMPTS - 1))
    client = WebhookClient(webhook, timeout=SECONDS, retry_handlers=again)
    try:
        answer = client.send(text=message["text"], blocks=message["blocks"])
    except (OSError, SlackClientError) as error:
        return type(error).__name__  # its text may hold the URL, which is a secret
    return None if answer.status_code == 200 else f"Slack said {answer.status_code} {answer.body[:100]}"
