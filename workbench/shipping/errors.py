"""What keeps a stage from being shipped."""

from __future__ import annotations

from collections.abc import Sequence


class CannotShip(Exception):
    """Every reason found, each a sentence that says what to do."""

    def __init__(self, *reasons: str) -> None:
        self.reasons: Sequence[str] = reasons
        super().__init__("\n".join(f"- {reason}" for reason in reasons) if len(reasons) > 1 else "".join(reasons))
