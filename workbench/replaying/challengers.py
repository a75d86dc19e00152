"""Challengers: parameter sets that a stage names beside its own, and what they would have decided.

A run goes on where the last one of the same parameters ended, and stops a little before now: a decision gets its id
when it begins and is stored when it ends, and none may be passed over. What is stored of a page of decisions, and how
far the challenger has come, is one transaction: a run can be killed at any moment, and two at once do no harm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from chalicelib.facts import canonical
from chalicelib.manifest import Manifest
from chalicelib.rows import FORGOTTEN, outcome_of
from chalicelib.settings import stage_parameters
from chalicelib.store.challenger_tables import challenger_decisions, challenger_runs
from chalicelib.store.database import Database
from chalicelib.store.ids import first_id
from chalicelib.store.tables import decisions
from workbench import stages
from workbench.replaying.candidate import Candidate
from workbench.replaying.errors import CannotReplay
from workbench.replaying.past import Past, pages
from workbench.replaying.redo import Redone
from workbench.replaying.tally import Tally
from workbench.replaying.versions import versions_of
from workbench.replaying.window import Window, content_of
from workbench.replaying.work import Decider, Job, collected
from workbench.retention.rows import of

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SAME, OTHER, FAILED, APART = "same", "other", "failed", "apart"


@dataclass(frozen=True)
class Challenger:
    """``parameters``: those that it sets beside the stage's own; ``champion``: what was built, under those alone."""

    use_case: str
    stage: str
    name: str
    parameters: dict[str, Any]
    champion: Candidate

    @property
    def candidate(self) -> Candidate:
        return replace(self.champion.under(self.parameters), what=f"challenger {self.name}")

    @property
    def definition(self) -> str:
        return hashlib.sha256(canonical(self.parameters).encode()).hexdigest()[:16]


@dataclass
class Ran:
    """One challenger's run: what it decided of the decisions since its last one."""

    challenger: Challenger
    upto: str
    tally: Tally = field(default_factory=Tally)

    def as_dict(self) -> dict[str, Any]:
        one, tally = self.challenger, self.tally
        named = {"use_case": one.use_case, "stage": one.stage, "challenger": one.name, "parameters": one.parameters}
        return {**named, "decisions": tally.read, "flips": tally.flips, "apart": dict(tally.apart)}


def challengers_of(manifest: Manifest, stage: str, use_case: str | None = None) -> list[Challenger]:
    """Those that a stage names, by what was built. Raises CannotReplay when there is none."""
    if stage not in manifest.stages:
        known = ", ".join(sorted(manifest.stages)) or "none"
        raise CannotReplay(f"there is no stage {stage!r} in what was built; known: {known}")
    content = manifest.stages[stage]
    names = [name for name in manifest.use_cases if use_case in (None, name)]
    found = [
        Challenger(name, stage, challenger, parameters, _champion(manifest, stage, name))
        for name in names
        for challenger, parameters in sorted(stages.challengers_of(content, name).items())
    ]
    if not found:
        of = f" for {use_case}" if use_case else ""
        raise CannotReplay(
            f"stage {stage} names no challenger{of}: write `challengers: {{NAME: {{PARAMETER: VALUE}}}}` beside "
            f"`parameters:` in usecases/stages/{stage}.yaml, and `artemis build`"
        )
    return found


def _champion(manifest: Manifest, stage: str, name: str) -> Candidate:
    overrides = stage_parameters(manifest.stages[stage]).get(name, {})
    code = manifest.module(name).read_text("utf-8")
    return Candidate.of_entry(name, code, manifest.use_cases[name], overrides, f"{name} on stage {stage}")


def run(
    database: Database, url: str, key_file: str, challengers: Sequence[Challenger], since: datetime, quiet: timedelta
) -> list[Ran]:
    """Replay what was decided since each challenger's last run, or ``since`` where it had none.

    ``quiet``: how long before now to stop. Raises CannotReplay, Unavailable, Unreadable, SettingsError.
    """
    database.prepare()
    until = datetime.now(UTC)
    last = first_id(until - quiet)
    return [_run(database, url, key_file, one, since, until, last) for one in challengers]


def _run(
    database: Database, url: str, key_file: str, challenger: Challenger, since: datetime, until: datetime, last: str
) -> Ran:
    with database.read() as connection:
        known = connection.execute(select(challenger_runs).where(*same_run(challenger))).first()
    begin = known.upto if known else first_id(since)
    window = Window(challenger.use_case, BEGINNING, until, challenger.stage, begin, max(begin, last))
    held = versions_of(database.engine, challenger.use_case, content_of(database.engine, window).versions)
    job = Job(url, window, (challenger.candidate,), held, key_file)
    decider = Decider(job, challenger.candidate)
    ran = Ran(challenger, begin, decider.tally)
    count = known.decisions if known else 0
    for page in collected(pages(database.engine, window)):
        rows = [row for past in page for row in _rows(challenger, decider, past, until)]
        count += len(rows)
        ran.upto = page[-1].id
        _write(database, challenger, rows, ran.upto, count, until)
    return ran


def same_run(one: Challenger) -> Iterator[Any]:
    table = challenger_runs.c
    yield table.use_case == one.use_case
    yield table.stage == one.stage
    yield table.challenger == one.name
    yield table.definition == one.definition


def _rows(challenger: Challenger, decider: Decider, past: Past, now: datetime) -> Iterator[dict[str, Any]]:
    if past.status == FORGOTTEN:
        return
    redone = decider.decide(past)
    status, outcome, decision, said = _told(decider, past, redone)
    yield {
        "decision_id": past.id,
        "challenger": challenger.name,
        "definition": challenger.definition,
        "use_case": challenger.use_case,
        "stage": challenger.stage,
        "version": decider.redo.usecase.version,
        "status": status,
        "outcome": outcome,
        "decision": decision,
        "said": said,
        "replayed_at": now,
    }


def _told(decider: Decider, past: Past, redone: Redone) -> tuple[str, str | None, str | None, str | None]:
    """Status, outcome, decision where it is another, and what there is to say."""
    if redone.needs or redone.unread:
        return APART, None, None, redone.unread or f"needs a call: {', '.join(task for task, _ in redone.needs)}"
    if redone.decision is None:
        return FAILED, None, None, redone.failed
    stored = past.decision and decider.vault.open(past.decision)
    if redone.decision == stored:
        return SAME, past.outcome, None, None
    sealed = decider.redo.codec.rewrite(redone.decision, decider.vault) if decider.is_sensitive else redone.decision
    return OTHER, outcome_of(redone.decision), sealed, None


def _write(
    database: Database, challenger: Challenger, rows: list[dict[str, Any]], upto: str, count: int, now: datetime
) -> None:
    """A page of decisions, and how far the challenger has come."""
    values = {"upto": upto, "decisions": count, "ran_at": now}
    keys = {"use_case": challenger.use_case, "stage": challenger.stage, "challenger": challenger.name}
    keys |= {"definition": challenger.definition, "parameters": canonical(challenger.parameters)}
    with database.begin() as connection:
        insert = _insert(connection)
        gone = _forgotten(connection, [row["decision_id"] for row in rows])
        kept = [row for row in rows if row["decision_id"] not in gone]
        if kept:
            connection.execute(insert(challenger_decisions).on_conflict_do_nothing(), kept)
        made = insert(challenger_runs).values(**keys, **values)
        index = [column.name for column in challenger_runs.primary_key.columns]
        connection.execute(made.on_conflict_do_update(index_elements=index, set_=values))


def _insert(connection: Connection) -> Any:
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert

        return insert
    from sqlalchemy.dialects.sqlite import insert as sqlite_insert

    return sqlite_insert


def _forgotten(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Decisions that were forgotten, or deleted, meanwhile; the others' rows are held until all is written."""
    if not ids:
        return set()
    query = select(decisions.c.id, decisions.c.status).where(of(decisions.c.id, ids))
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(read=True)
    there = {row.id for row in connection.execute(query) if row.status != FORGOTTEN}
    return set(ids) - there
