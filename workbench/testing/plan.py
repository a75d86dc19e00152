"""What is to be tested, and how."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What to test. ``timeout``: seconds that a cell may take; ``complete``: no use case was named."""

    names: list[str]
    tiers: Collection[str]
    stage: str = "local"
    jobs: int = 2
    timeout: float = 120.0
    complete: bool = True
