"""Challengers beside the champion: what they would have decided, over time and against labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, select

from chalicelib.rows import FORGOTTEN
from chalicelib.store.challenger_tables import challenger_decisions, challenger_runs
from chalicelib.store.ids import first_id
from chalicelib.store.reading import stream
from chalicelib.store.tables import decisions
from workbench.replaying.agreement import Estimate, agreement
from workbench.replaying.challengers import APART, FAILED, SAME, Challenger, same_run
from workbench.replaying.past import Past, labels_in
from workbench.replaying.ranks import is_ranked
from workbench.replaying.redo import Redone, failed_step
from workbench.replaying.report import Report
from workbench.replaying.tally import Tally
from workbench.replaying.window import LAST, Window
from workbench.replaying.work import Decider, Job, checked_reader
from workbench.snapshots import answering, reading, snapshot


@dataclass
class Compared:
    """A challenger's report, and the same by week (its Monday). ``ran_at`` None: it never ran."""

    report: Report
    ran_at: datetime | None
    weeks: dict[date, Tally] = field(default_factory=dict)

    def rows(self) -> Iterator[tuple[date, int, float, Estimate | None, Estimate | None]]:
        """(Monday, decisions, share of flips, champion's agreement with labels, challenger's)."""
        for monday, tally in sorted(self.weeks.items()):
            agreed = None if tally.ranked else agreement(tally.cells, tally.groups)
            both = agreed.metrics["agreement"] if agreed else (None, None)
            yield monday, tally.replayed, tally.flips / (tally.replayed or 1), *both

    def as_dict(self) -> dict[str, Any]:
        weeks = [
            {
                "week": monday.isoformat(),
                "decisions": count,
                "flips": round(share, 6),
                "champion": before and before.as_dict(),
                "challenger": after and after.as_dict(),
            }
            for monday, count, share, before, after in self.rows()
        ]
        ran = self.ran_at and self.ran_at.isoformat()
        return {"challenger": self.report.what, "ran_at": ran, **self.report.as_dict(), "weeks": weeks}


def compare(url: str, key_file: str, challenger: Challenger, since: datetime) -> Compared:
    """What is stored of a challenger since a time. Raises Unreadable, SettingsError, CannotReplay."""
    engine = checked_reader(url)
    job = Job(url, _window(challenger, since), (challenger.candidate,), {}, key_file)
    decider = Decider(job, challenger.candidate)
    usecase = decider.redo.usecase
    ranked = is_ranked(usecase)
    run = next(iter(stream(engine, select(challenger_runs).where(*same_run(challenger)))), None)
    head = challenger.use_case, challenger.stage, since, datetime.now(UTC), f"challenger {challenger.name}"
    found = Compared(Report(*head, usecase.version, Tally(ranked)), run and run.ran_at)
    champion = challenger.champion.load().parameters
    found.report.changes = {
        name: (champion.get(name), value) for name, value in usecase.parameters.items() if champion.get(name) != value
    }
    for past, redone in _decided(engine, challenger, since, decider):
        monday = past.now.date() - timedelta(days=past.now.weekday())
        for tally in (found.report.tally, found.weeks.setdefault(monday, Tally(ranked))):
            tally.add(past, redone, decider.shown)
    return found


def _window(challenger: Challenger, since: datetime) -> Window:
    return Window(challenger.use_case, since, datetime.now(UTC), challenger.stage, first_id(since), LAST)


def _decided(
    engine: Engine, challenger: Challenger, since: datetime, decider: Decider
) -> Iterator[tuple[Past, Redone]]:
    """Each decision, with what the challenger would have decided."""
    with answering(), reading(engine) as connection, snapshot(connection):
        said = labels_in(connection, _window(challenger, since))
    table, own = decisions.c, challenger_decisions.c
    columns = table.version, table.status, table.outcome, table.decision, table.failure, table.created_at
    theirs = own.status.label("their_status"), own.decision.label("their_decision"), own.said
    query = (
        select(table.id, *columns, *theirs)
        .join_from(challenger_decisions, decisions, own.decision_id == table.id)
        .where(own.use_case == challenger.use_case, own.stage == challenger.stage)
        .where(own.challenger == challenger.name, own.definition == challenger.definition)
        .where(own.decision_id > first_id(since), table.status != FORGOTTEN)
        .order_by(own.decision_id)
    )
    for row in stream(engine, query):
        decision = row.decision and decider.vault.open(row.decision)
        head = row.id, row.version, row.status, row.outcome, "", decision, row.failure, row.created_at, None
        past = Past(*head, {}, said.get(row.id))
        yield past, _redone(row, past, decider)


def _redone(row: Any, past: Past, decider: Decider) -> Redone:
    if row.their_status == APART:
        return Redone(unread=row.said)
    if row.their_status == FAILED:
        return Redone(failed=row.said)
    if row.their_status == SAME:
        return Redone(past.decision, failed_step(past))
    return Redone(decider.vault.open(row.their_decision))
