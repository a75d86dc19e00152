"""What a task may know of the past: earlier decisions, facts and labels of the same subject."""

from __future__ import annotations

from datetime import datetime

from chalicelib.asking import Asking


class History:
    """The past of one subject."""


def nothing_before(asking: Asking, subject: str | None, now: datetime) -> History:
    """A history that holds nothing."""
    return History()
