"""Ids and time: a UUIDv7 begins with the milliseconds at which it was made (RFC 9562, section 5.7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def first_id(at: datetime) -> str:
    """The lowest id that can have been made at ``at`` or later: a bound for an index. Not a UUID of its own."""
    ms = max(0, (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))
    text = f"{min(ms, 2**48 - 1):012x}"
    return f"{text[:8]}-{text[8:]}-0000-0000-000000000000"
