"""The versions that decided, as the store keeps them: their code, their parameters, and what they ran in."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from chalicelib.runtime import runtime
from chalicelib.store.reading import stream
from chalicelib.store.tables import use_case_versions
from chalicelib.usecase import fingerprint, version_of
from workbench.replaying.candidate import Candidate, of_row


@dataclass(frozen=True, slots=True)
class Version:
    """One that decided. ``differs``: how its runtime is not this one, for people; empty: it is the same.

    ``fingerprints``: task -> digest of what it asks and how.
    """

    name: str
    candidate: Candidate
    fingerprints: dict[str, str]
    differs: str

    @property
    def code(self) -> str:
        return self.candidate.code


def versions_of(engine: Engine, use_case: str, names: Collection[str]) -> dict[str, Version]:
    """Version -> what is known of it. One of which the store has no code is left out, and one whose code is not what
    its name, a digest, says. Raises Unreadable."""
    table = use_case_versions
    query = select(table).where(table.c.use_case == use_case, table.c.version.in_(names))
    rows: dict[str, list[Any]] = {}
    for row in stream(engine, query.order_by(table.c.first_seen_at)):
        rows.setdefault(row.version, []).append(row)
    return {name: _version(found) for name, found in rows.items() if _is_whole(found[0])}


def _is_whole(row: Any) -> bool:
    made: str = row.version
    return version_of(row.module.encode(), json.loads(row.parameters)) == made


def _version(rows: list[Any]) -> Version:
    candidate, ours = of_row(rows[0]), runtime()
    differs = "" if any(row.runtime == ours.digest for row in rows) else min((_differing(row) for row in rows), key=len)
    parameters = json.loads(rows[0].parameters)
    fingerprints = {task: fingerprint(entry, parameters) for task, entry in candidate.tasks.items()}
    return Version(rows[0].version, candidate, fingerprints, differs)


def _differing(row: Any) -> str:
    """What is another version here, or not here at all. What is here besides does not matter."""
    ours, theirs = runtime(), json.loads(row.packages)
    found = [f"{row.python}, here {ours.python}"] if row.python != ours.python else []
    found += [
        f"{name} {version}, here {ours.packages.get(name, 'none')}"
        for name, version in sorted(theirs.items())
        if ours.packages.get(name) != version
    ]
    return "; ".join(found[:5]) + (f"; and {len(found) - 5} more" if len(found) > 5 else "")
