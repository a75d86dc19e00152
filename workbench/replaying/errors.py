"""What keeps a replay from being made."""

from __future__ import annotations


class CannotReplay(Exception):
    """Nothing was replayed, and nothing written; the message says why and what to do."""
