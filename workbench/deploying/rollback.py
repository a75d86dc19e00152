"""`artemis rollback`: a stage as it was with an earlier version, all of it but the database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial

from workbench.deploying import records
from workbench.deploying.changes import Changes, changes
from workbench.deploying.kept import Kept
from workbench.deploying.origin import origin
from workbench.deploying.record import Record
from workbench.deploying.target import Target
from workbench.shipping.errors import CannotShip


@dataclass(frozen=True)
class Way:
    """From the version that is live to an earlier one. ``here``: what is kept of the first, which may be nothing."""

    target: Target
    live: str
    here: Kept | None
    there: Kept
    changes: Changes


def way(target: Target, to: str | None) -> Way:
    """What would be gone back to: ``to``, or what was live before. Raises CannotShip where there is none."""
    live = target.live(target.stack.usable())
    if live is None:
        raise CannotShip(f"nothing is live on {target.stage}: there is no version to leave")
    here = target.kept(live)
    wanted = to or (here.before if here else None)
    known = ", ".join(target.versions.numbers()) or "none"
    if wanted is None:
        raise CannotShip(f"before version {live} there was none: name one with --to; kept are: {known}")
    if wanted == live:
        raise CannotShip(f"version {live} is live already; kept are: {known}")
    there = target.kept(wanted) if wanted.isdigit() else None
    if there is None:
        raise CannotShip(f"there is no version {wanted!r} to go back to; kept are: {known}")
    old, new = target.versions.sources(here), target.versions.sources(there)
    before = (here.parameters, here.metrics) if here else ({}, {})
    found = changes(old, new, (before[0], there.parameters), (before[1], there.metrics))
    return Way(target, live, here, there, found)


def rollback(way: Way, with_test: bool = True) -> Record:
    """Goes it; the record says how it went. ``with_test``: the version is tried before it gets requests."""
    target = way.target

    def go() -> None:
        if with_test:
            target.try_out(way.there.version, None)
        target.tell(f"sending requests to version {way.there.version}, and bringing the stack back to it")
        target.bring(way.there.template, way.there.revision, way.there.version)

    return records.recorded(target, go, partial(_record, way))


def _record(way: Way, seconds: float, error: str | None) -> Record:
    here = origin(way.target.project.root, os.environ)
    return Record(
        stage=way.target.stage,
        status="failed" if error else "rolled-back",
        version=way.there.version,
        who=here.who,
        commit=way.there.commit,
        subject=way.there.subject,
        use_cases=way.changes.use_cases,
        parameters=way.changes.parameters,
        metrics=way.changes.metrics,
        contracts=way.changes.contracts,
        seconds=round(seconds, 1),
        error=error,
        run=here.run,
    )
