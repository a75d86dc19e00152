"""A plan in words, for whoever is asked whether to go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

from workbench.deploying.changes import Changes
from workbench.deploying.database import Migration
from workbench.deploying.plan import Plan
from workbench.deploying.record import Change, Flips
from workbench.deploying.rollback import Way
from workbench.deploying.target import Target

WIDTH = 160  # columns


def plan_text(plan: Plan) -> str:
    """What `artemis deploy` would do."""
    zipped = plan.packed.archive.stat().st_size
    lines = [*_place(plan.target), f"  live       {_version(plan.live, plan.was)}"]
    lines += [f"  new        {plan.origin.revision[:12]} {plan.origin.subject}"]
    lines += [f"  code       {zipped / 1e6:.1f} MB zipped (at most 50), sha256 {plan.packed.digest[:12]}"]
    lines += [f"  database   {_database(plan.migration)}", ""]
    if plan.was is None:
        lines += [f"All of it is new: {', '.join(plan.changes.use_cases)}", ""]
    else:
        lines += [_difference(plan.changes.difference), ""]
    lines += _moved(plan.changes)
    lines += _listed("Past decisions that would be others", map(_flips, plan.flips))
    lines += _listed("Destructive", plan.migration.destructive if plan.migration else [])
    return "\n".join([*lines, *_listed("Notes", plan.notes)]).rstrip()


def way_text(way: Way) -> str:
    """What `artemis rollback` would do."""
    lines = [*_place(way.target), f"  live       {_version(way.live, way.here)}"]
    lines += [f"  back to    {_version(way.there.version, way.there)}", "", _difference(way.changes.difference), ""]
    return "\n".join([*lines, *_moved(way.changes)]).rstrip()


def _place(target: Target) -> Iterator[str]:
    yield f"{target.stage}: stack {target.stack.name}, account {target.account.number}, {target.account.region}"


def _version(number: str | None, kept: Any) -> str:
    if number is None:
        return "nothing"
    return f"version {number}" + (
        f", {kept.revision[:12]} {kept.subject}, of {kept.at:%Y-%m-%d %H:%M} UTC" if kept else ""
    )


def _database(migration: Migration | None) -> str:
    if migration is None:
        return "left to somebody else (--no-migrate)"
    if not migration.steps:
        return f"{migration.shown}: up to date"
    if migration.before is None:
        return f"{migration.shown}: schema {migration.steps[-1].revision.lstrip('0')} is made"
    steps = "; ".join(f"{step.revision} {step.what.partition('.')[0]}" for step in migration.steps)
    return f"{migration.shown}: schema {migration.before.lstrip('0')}, to be brought forward: {steps}"


def _difference(difference: Any) -> str:
    from rich.console import Console

    from workbench.diff.report import print_text

    out = StringIO()
    print_text(difference, Console(file=out, highlight=False, width=WIDTH))
    return out.getvalue().rstrip()


def _moved(found: Changes) -> list[str]:
    parameters = _listed("Parameters on this stage", map(_change, found.parameters))
    return [*parameters, *_listed("Validation", map(_change, found.metrics))]


def _listed(title: str, lines: Any) -> list[str]:
    found = [f"  {line}" for line in lines]
    return [title, *found, ""] if found else []


def _change(one: Change) -> str:
    def shown(value: Any) -> str:
        return "–" if value is None else json.dumps(value, ensure_ascii=False)

    return f"{one.use_case}.{one.name}: {shown(one.before)} → {shown(one.after)}"


def _flips(one: Flips) -> str:
    return f"{one.use_case}: {one.flips:,} of {one.decisions:,} ({one.share})"
