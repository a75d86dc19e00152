"""Durations as people write them: ``90s``, ``15m``, ``12h``, ``30d``."""

from __future__ import annotations

import re

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FORM = "a whole number with s, m, h or d, such as 30d"


def seconds(text: object) -> float:
    """The seconds that ``text`` stands for. Raises ValueError, with the form that is understood."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text!r} is not a duration: write {FORM}")
    return float(int(found[1]) * UNITS[found[2]])
