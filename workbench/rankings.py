"""A decision that is a ranking, shown as a table: its first list of objects, one row each."""

from __future__ import annotations

import json
from html import escape
from typing import Any

MOST = 20  # places that are shown
NUMBERS = ("score",)

Places = list[dict[str, Any]]


def ranking(decision: dict[str, Any]) -> tuple[str, Places] | None:
    """The field that holds the ranking, and its places; None where the decision has none."""
    return next(((name, part) for name, part in decision.items() if _is_ranking(part)), None)


def _is_ranking(part: Any) -> bool:
    return isinstance(part, list) and bool(part) and all(isinstance(one, dict) for one in part)


def cell(value: Any) -> str:
    """A value of a place, for people: codes are listed, true is yes."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_lines(places: Places) -> list[str]:
    """A line for each of the first places."""
    cells = (filter(None, map(cell, one.values())) for one in places[:MOST])
    lines = [f"  {number}. {'  '.join(parts)}" for number, parts in enumerate(cells, 1)]
    return lines + ([f"  and {len(places) - MOST} more"] if len(places) > MOST else [])


def as_html(places: Places) -> str:
    """A table of the first places."""
    names = list(places[0])
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(cell(one.get(name)))}</td>' for name in names) + "</tr>"
        for one in places[:MOST]
    )
    more = f"<p>and {len(places) - MOST} more</p>" if len(places) > MOST else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{more}"
