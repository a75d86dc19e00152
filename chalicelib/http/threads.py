"""Chalice for a server with threads.

Chalice keeps ``current_request`` and ``lambda_context`` as plain attributes of the app, so two requests
in two threads see each other's. Here both belong to the thread that serves the request and are gone when
it is answered. Blueprints read them through the app, so they are covered too.
"""

from __future__ import annotations

import threading
from typing import Any

from chalice.app import Chalice, Request

from chalicelib.request_id import REQUEST_ID


class ThreadLocalChalice(Chalice):
    """A Chalice app that any number of threads may call at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._local = threading.local()
        super().__init__(*args, **kwargs)

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answers an event of API Gateway. Raises ValueError for any other: Lambda then counts a failed invocation."""
        if not isinstance(event, dict) or not isinstance(event.get("requestContext"), dict):
            # what it holds is nobody's business: only its shape is told
            names = ", ".join(sorted(map(str, event))[:20]) if isinstance(event, dict) else ""
            keys = f" with the keys {names}" if names else ""
            raise ValueError(f"not an event of API Gateway (REST, v1), but {type(event).__name__}{keys}")
        token = REQUEST_ID.set(event["requestContext"].get("requestId"))
        try:
            return super().__call__(event, context)
        finally:
            REQUEST_ID.reset(token)
            # A body may be megabytes: an idle thread must not keep it, nor show it to whoever runs next.
            self._local.__dict__.clear()

    @property
    def current_request(self) -> Request | None:
        """The request this thread serves; None outside one."""
        return getattr(self._local, "request", None)

    @current_request.setter
    def current_request(self, request: Request | None) -> None:
        self._local.request = request

    @property
    def lambda_context(self) -> Any:
        """What came beside this thread's event; None outside a request."""
        return getattr(self._local, "context", None)

    @lambda_context.setter
    def lambda_context(self, context: Any) -> None:
        self._local.context = context
