"""What it would cost to call for the facts that a candidate needs and the store does not have: an upper estimate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Engine, select

from chalicelib import costs
from chalicelib.calling.routing import Routing
from chalicelib.describing import providers
from chalicelib.store.reading import stream
from chalicelib.store.tables import task_results
from workbench.replaying.candidate import Candidate
from workbench.replaying.tally import Tally


class Need(NamedTuple):
    """A task that would have to be asked. ``why``: new, changed, or asked about something else."""

    task: str
    why: str
    decisions: int
    cost: costs.Cost

    def as_dict(self) -> dict[str, Any]:
        cost = self.cost.as_dict()
        return {**self._asdict(), "cost": {name: cost[name] for name in ("currency", "estimate", "unpriced")}}


def needs_of(
    engine: Engine,
    tally: Tally,
    candidate: Candidate,
    routing: Routing,
    prices: costs.Prices,
) -> list[Need]:
    """The tasks of which facts do not suffice, and what asking them would come to. Raises Unreadable."""
    found = []
    for (task, why), count in sorted(tally.needs.items()):
        each = _as_before(engine, task, tally.needing[task, why], prices)
        each = each or _by_list(candidate.asks.get(task, []), routing, prices)
        found.append(Need(task, why, count, costs.Cost(each.estimate * count, Decimal(), each.unpriced)))
    return found


def _as_before(engine: Engine, task: str, ids: Sequence[str], prices: costs.Prices) -> costs.Cost | None:
    """What a decision's calls by this task cost on average, had each been paid for once; None where it made none."""
    table = task_results.c
    query = select(table.calls).where(table.decision_id.in_(ids), table.task == task)
    made = [json.loads(row.calls) for row in stream(engine, query)]
    if not any(made):
        return None
    calls = [_paid_once(call) for some in made for call in some if call.get("error") is None]
    total = costs.of_calls(calls, prices)
    return costs.Cost(total.estimate / len(made), Decimal(), total.unpriced)


def _paid_once(call: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in call.items() if name not in ("reused_from", "shared", "attempts")}


def _by_list(asks: Sequence[str], routing: Routing, prices: costs.Prices) -> costs.Cost:
    """By what its code asks, of whom the stage asks first, once each."""
    total = costs.NOTHING
    for asked in asks:
        capability, _, model = asked.partition("/")
        chain = providers(routing, asked)
        call = {"provider": chain[0] if chain else "nobody", "capability": capability, "asked": model or None}
        total += costs.of_call(call, prices)
    return total
