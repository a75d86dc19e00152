"""What models cost in a period: the store's calls, summed by use case, task and provider.

The sums are made with the price list as it is now, whatever it was when the calls were made.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib import costs

if TYPE_CHECKING:
    from rich.table import Table

    from chalicelib.store.spending import Spent

SHOWN = 4  # decimals of a dollar in the table; JSON has all


class Key(NamedTuple):
    """What a line of the report is about."""

    use_case: str
    task: str
    provider: str


@dataclass(slots=True)
class Sum:
    """Calls, and what they came to. ``failed`` and ``reused`` are among ``calls``."""

    calls: int = 0
    failed: int = 0
    reused: int = 0
    cost: costs.Cost = costs.NOTHING

    def __add__(self, other: Sum) -> Sum:
        counts = self.calls + other.calls, self.failed + other.failed, self.reused + other.reused
        return Sum(*counts, self.cost + other.cost)

    def add(self, call: dict[str, Any], prices: costs.Prices) -> None:
        failed = call.get("error") is not None
        self.calls += 1
        self.failed += failed
        self.reused += not failed and costs.is_reused(call)
        self.cost += costs.of_call(call, prices)

    def as_dict(self) -> dict[str, Any]:
        cost = self.cost.as_dict()
        del cost["currency"]
        return {"calls": self.calls, "failed": self.failed, "reused": self.reused, **cost}


@dataclass(slots=True)
class Costs:
    """The sums of a period, and what has to be said with them. ``notes``: operation -> the note of its price."""

    since: datetime
    lines: dict[Key, Sum] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> Sum:
        return sum(self.lines.values(), Sum())

    def as_dict(self) -> dict[str, Any]:
        """For scripts: ``lines`` in order, amounts in dollars."""
        lines = [{**key._asdict(), **one.as_dict()} for key, one in sorted(self.lines.items())]
        head = {"since": self.since.isoformat(), "currency": costs.CURRENCY}
        return {**head, "lines": lines, "total": self.total.as_dict(), "notes": self.notes}


def summed(rows: Iterable[Spent], prices: costs.Prices, since: datetime) -> Costs:
    """The sums of all calls in ``rows``, which are looked at one by one."""
    lines: dict[Key, Sum] = {}
    kinds: dict[tuple[Any, ...], dict[str, Any]] = {}  # one call of each kind that has a price of its own
    for row in rows:
        for call in json.loads(row.calls):
            lines.setdefault(Key(row.use_case, row.task, call["provider"]), Sum()).add(call, prices)
            kinds.setdefault((call["provider"], call["capability"], call.get("asked"), call.get("model")), call)
    return Costs(since, lines, _notes(kinds.values(), prices))


def _notes(calls: Iterable[dict[str, Any]], prices: costs.Prices) -> dict[str, str]:
    found = {costs.operation(call, prices): costs.price_of(call, prices) for call in calls}
    return {name: price["note"] for name, price in sorted(found.items()) if price is not None and "note" in price}


def since_of(text: str, now: datetime) -> datetime:
    """``30d`` or ``12h`` before ``now``, or the day or time that is meant, in UTC where it names no zone.

    Raises ValueError.
    """
    from chalicelib import durations

    if re.match(r"\d{4}-", text):
        return _moment(text)
    try:
        return now - timedelta(seconds=durations.seconds(text))
    except ValueError:
        raise ValueError(f"{text!r} is neither an age, such as 30d or 12h, nor a day, such as 2026-11-01") from None
    except OverflowError:
        raise ValueError(f"{text!r} is before all time") from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no day: write it as 2026-11-01, or with a time as 2026-11-01T09:00") from None


def table_of(found: Costs) -> Table:
    """The sums for people: a line each, and the total."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    table.add_column("use case", "total", overflow="fold")
    for heading in ("task", "provider"):
        table.add_column(heading, overflow="fold")
    headings = ("calls", "failed", "reused", "est. USD", "saved USD")
    for heading, footer in zip(headings, _cells(found.total), strict=True):
        table.add_column(heading, footer, justify="right", no_wrap=True)
    for key, one in sorted(found.lines.items()):
        table.add_row(*map(Text, key), *_cells(one))
    return table


def _cells(one: Sum) -> list[str]:
    missing = " + ?" if one.cost.unpriced else ""
    amounts = f"{shown(one.cost.estimate)}{missing}", f"{shown(one.cost.saved)}{missing}"
    return [f"{one.calls:,}", f"{one.failed:,}", f"{one.reused:,}", *amounts]


def shown(amount: Decimal) -> str:
    """An amount for people. What is too small to show is not shown as nothing."""
    least = Decimal(10) ** -SHOWN
    return f"<{least:.{SHOWN}f}" if 0 < amount < least else f"{amount:,.{SHOWN}f}"
