"""Changes of Request and Decision in words. Code is loaded only where what they are made of has changed."""

from __future__ import annotations

from typing import Any, Literal

from workbench.diff.compare import Change
from workbench.diff.outline import Outline

SIDES: tuple[Literal["request", "response"], ...] = ("request", "response")


def contract(old: Outline, new: Outline, old_label: str, new_label: str) -> list[Change]:
    """A note instead, where one of the two does not load."""
    if old.contract == new.contract:
        return []
    entries, notes = [], []
    for outline, label in ((old, old_label), (new, new_label)):
        entry, problem = _entry(outline)
        entries.append(entry)
        if entry is None:
            said = f"the contract's code changed and cannot be compared: at {label} it does not load: {problem}"
            notes.append(Change("note", "", said))
    was, now = entries
    if was is None or now is None:
        return notes
    from workbench.contract.diff import compare

    return [
        Change("contract", "Request" if side == "request" else "Decision", sentence, None, None, severity)
        for side, key in zip(SIDES, ("request", "decision"), strict=True)
        for _, _, severity, sentence in compare(was[key], now[key], side, was[key], now[key])
    ]


def _entry(outline: Outline) -> tuple[dict[str, Any] | None, str]:
    """The manifest's entry, from the code run in memory; or None and the first reason why there is none."""
    from workbench.examine import examine

    if not outline.draft.parses:
        return None, "a cell does not parse"
    examined, problems = examine(outline.draft)
    if examined is not None:
        return examined.entry, ""
    return None, problems[0].message if problems else "it has no parameters cell"
