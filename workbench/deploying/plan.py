"""What a deployment would do, worked out before anything is done."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from chalicelib.manifest import Manifest
from workbench.deploying import database
from workbench.deploying.changes import Changes, changes
from workbench.deploying.database import Migration
from workbench.deploying.flips import flips
from workbench.deploying.kept import Kept, Parameters, metrics_of, packed, parameters_of, sources_of, versions_of
from workbench.deploying.origin import Origin, origin
from workbench.deploying.record import Flips, Record
from workbench.deploying.target import Target
from workbench.shipping.package import Packed, package

SNAPSHOT = "ARTEMIS_SNAPSHOT_URL"  # a database to replay past decisions from, where the stage's own is out of reach


@dataclass(frozen=True)
class Plan:
    """A deployment. ``live``: the version that requests reach now; ``was``: what is kept of it; ``kept``: what will be
    kept of the new one, but for its number; ``sources``: its notebooks and stage file, as a zip."""

    target: Target
    origin: Origin
    packed: Packed
    live: str | None
    was: Kept | None
    kept: Kept
    sources: bytes
    served: dict[str, str]
    changes: Changes
    migration: Migration | None
    flips: list[Flips] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def record(self, seconds: float, version: str, error: str | None) -> Record:
        """How it went. ``error`` None: well."""
        return Record(
            stage=self.target.stage,
            status="failed" if error else "succeeded",
            version=version,
            use_cases=self.changes.use_cases,
            parameters=self.changes.parameters,
            metrics=self.changes.metrics,
            contracts=self.changes.contracts,
            flips=self.flips,
            seconds=round(seconds, 1),
            error=error,
            rollback=f"artemis rollback --stage {self.target.stage}" if self.live else None,
            **self.origin.as_record(),
        )


def plan(target: Target, url: str | None, with_replay: bool = True) -> Plan:
    """Packages the stage and compares it with what is live. Nothing outside the project is changed.

    ``url``: the database; None: somebody else brings it forward. Raises CannotShip, SettingsError.
    """
    live = target.live(target.stack.usable())
    was = target.kept(live)
    migration = database.look(url, was.store_schema if was else None) if url else None
    target.tell("packaging")
    made, manifest = package(target.project, target.stage), Manifest.read(target.project.generated)
    served, parameters = versions_of(manifest, target.stage), parameters_of(manifest, target.stage)
    metrics, unvalidated = metrics_of(target.project, target.stage, served, was)
    old, new = target.versions.sources(was), sources_of(target.project, target.stage)
    found = changes(old, new, (was.parameters if was else {}, parameters), (was.metrics if was else {}, metrics))
    changed = [name for name in found.use_cases if name in served and was is not None]
    flipped, notes = _flips(target, url, changed) if with_replay else ([], ["past decisions were not replayed"])
    if live and was is None:
        notes.append(f"nothing is kept of version {live}, which is live: everything is told as new")
    if unvalidated:
        notes.append(f"not validated as they are: {', '.join(unvalidated)} (artemis validate --stage {target.stage})")
    here = origin(target.project.root, os.environ)
    if here.is_changed:
        notes.append(f"the working tree has changes that are not in commit {here.commit[:12]}")
    kept = _kept(made, live, here, served, (parameters, metrics))
    return Plan(target, here, made, live, was, kept, packed(new), served, found, migration, flipped, notes)


def _flips(target: Target, url: str | None, use_cases: list[str]) -> tuple[list[Flips], list[str]]:
    replayed = url or os.environ.get(SNAPSHOT) or None
    if replayed is None:
        why = f"past decisions were not replayed: no database is named, and no snapshot ({SNAPSHOT})"
        return [], [why] if use_cases else []
    return flips(target.project, replayed, target.stage, use_cases)


def _kept(
    made: Packed, live: str | None, here: Origin, served: dict[str, str], values: tuple[Parameters, Parameters]
) -> Kept:
    from chalicelib.store.schema import SCHEMA_VERSION

    parameters, metrics = values
    return Kept(
        version="0",
        before=live,
        commit=here.commit,
        subject=here.subject,
        revision=here.revision,
        digest=made.digest,
        template="",
        sources="",
        store_schema=SCHEMA_VERSION,
        versions=served,
        parameters=parameters,
        metrics=metrics,
    )
