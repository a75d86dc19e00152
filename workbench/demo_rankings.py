"""The demo of rankings: each use case's own example, asked twice; what was paid for is not paid again."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from chalicelib.manifest import Manifest, kebab
from workbench.demo_client import decided
from workbench.once import example
from workbench.rankings import NUMBERS, cell, ranking

SHOWN = 5  # places of a ranking
SHORT = 12  # characters that a column shows in any case


def rank(console: Console, url: str, manifest: Manifest, name: str) -> None:
    """Decide on a use case's example, and show the first places, and what asking again costs."""
    request = json.loads(example(manifest, name) or "{}")
    stored = decided(url, kebab(name), request)
    head = Text(manifest.use_cases[name]["title"], "bold")
    head.append(f"\ndecision {stored['id']}, version {stored['version']}, {_took(stored)}", "dim")
    console.print(Panel(head, title=_asked(request), title_align="left"))
    console.print(_places(stored["decision"]))
    for line in (*_rest(stored["decision"]), *_paid(stored), *_again(decided(url, kebab(name), request))):
        console.print(Text(line, "dim"))
    console.print()


def _asked(request: dict[str, Any]) -> str:
    """The request without what is long."""
    return ", ".join(f"{key} {value}" for key, value in request.items() if isinstance(value, (str, int)))


def _places(decision: dict[str, Any]) -> Table:
    """The first places of the decision's ranking: its list of objects."""
    _, places = ranking(decision) or ("", [])
    table = Table(box=None, header_style="dim", pad_edge=False, expand=True)
    for name in places[0] if places else ():
        longest = max(len(cell(one[name])) for one in places[:SHOWN])
        is_short = longest <= SHORT
        table.add_column(
            name,
            justify="right" if name in NUMBERS else "left",
            min_width=max(longest, len(name)) if is_short else None,
            ratio=None if is_short else 1,
            overflow="ellipsis",
            no_wrap=True,
        )
    for place in places[:SHOWN]:
        table.add_row(*(Text(cell(value)) for value in place.values()))
    return table


def _rest(decision: dict[str, Any]) -> list[str]:
    """What else was decided."""
    name, _ = ranking(decision) or ("", [])
    rest = {field: value for field, value in decision.items() if field != name}
    return [", ".join(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in rest.items())]


def _paid(stored: dict[str, Any]) -> list[str]:
    """Who was asked for how much, and what was taken from earlier decisions."""
    calls = [call for step in stored["trace"]["steps"] for call in step.get("calls", ())]
    return [_call(call) for call in calls]


def _call(call: dict[str, Any]) -> str:
    items = call.get("items", 1)
    what = f"{call['capability']} {call.get('asked', '')}".strip() + (f" of {items}" if items > 1 else "")
    if "reused_from" in call:
        return f"{what}: taken from decision {call['reused_from']}"
    return f"{what}: asked {call['provider']} ({call['model']} {call['version']}), {call['ms']:.0f} ms"


def _again(stored: dict[str, Any]) -> list[str]:
    return [f"asked again, {_took(stored)}:", *(f"  {line}" for line in _paid(stored))]


def _took(stored: dict[str, Any]) -> str:
    return f"{stored['trace']['duration_ms']:.0f} ms"
