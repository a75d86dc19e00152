"""Which request this thread serves: API Gateway's id of it, or the server's own. For the log."""

from __future__ import annotations

from contextvars import ContextVar

REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)
