"""Past decisions as rows of a table, for a DataFrame."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from chalicelib.bootstrap import blobs
from chalicelib.rows import FORGOTTEN
from chalicelib.sensitive import masked
from workbench.replaying.past import Past, pages
from workbench.replaying.run import Asked, opened

Row = dict[str, Any]
HEAD = ["id", "created_at", "version", "status", "outcome", "label", "label_weight"]


def rows(url: str, asked: Asked) -> tuple[list[Row], int]:
    """The newest ``asked.limit`` decisions, oldest first, and how many there are.

    Raises CannotReplay, SettingsError, Unreadable.
    """
    engine, window, content = opened(url, asked)
    fetch = blobs(url).fetch_if_there
    read = (past for page in pages(engine, window) for past in page)
    found = [_row(past, fetch) for past in read if past.status != FORGOTTEN]
    return found, content.total - content.statuses[FORGOTTEN]


def _row(past: Past, fetch: Callable[[str], str]) -> Row:
    label = past.label
    said = (label.outcome, label.weight) if label else (None, None)
    row: Row = dict(zip(HEAD, (past.id, past.now, past.version, past.status, past.outcome, *said), strict=True))
    for prefix, text in (("request", past.request), ("decision", past.decision)):
        row |= {f"{prefix}.{name}": value for name, value in _fields(text and masked(fetch(text))).items()}
    facts = sorted(past.facts.items())
    return row | {
        f"facts.{task}": None if fact.output is None else json.loads(masked(fetch(fact.output))) for task, fact in facts
    }


def _fields(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    return {name: value for name, value in found.items() if name != "outcome"} if isinstance(found, dict) else {}
