"""A request with an Idempotency-Key: one decision, however often it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import Unavailable

if TYPE_CHECKING:
    from chalicelib.service import Asked, Decided, Service


def decide_keyed(service: Service, asked: Asked, key: str) -> Decided:
    """The decision for this key: the stored one, or a new one."""
    raise Unavailable("keys are not served yet", code="not-yet", retry_after=60)
