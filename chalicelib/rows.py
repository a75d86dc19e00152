"""How a decision is written down: its row, its facts' rows, the version that decided; and its envelope."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.facts import canonical
from chalicelib.run import Fact, Intake, Run
from chalicelib.usecase import UseCase

Row = dict[str, Any]

LONGEST_OUTCOME = 100  # characters of the column; what is longer is a text, and no outcome to look decisions up by
FORGOTTEN = "forgotten"  # the status of a decision of which only is left that it was taken


@dataclass(frozen=True, slots=True)
class Record:
    """All that one decision leaves in the store. Each list is of one table's rows."""

    decision: Row
    results: list[Row] = field(default_factory=list)
    answers: list[Row] = field(default_factory=list)
    sightings: list[Row] = field(default_factory=list)
    versions: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Taken:
    """Under which circumstances a decision was taken. ``now`` is the decision's time."""

    id: str
    now: datetime
    client: str
    stage: str


def decision_row(taken: Taken, usecase: UseCase, request: Intake, run: Run, duration_ms: float) -> Row:
    """The row of ``decisions``."""
    return {
        "id": taken.id,
        "use_case": usecase.name,
        "version": usecase.version,
        "stage": taken.stage,
        "client": taken.client,
        "subject": subject_of(usecase, request),
        "status": "failed" if run.failure else "decided",
        "outcome": outcome_of(run.decision),
        "request": request.record,
        "decision": run.decision,
        "degraded": canonical(run.degraded),
        "failure": canonical(asdict(run.failure)) if run.failure else None,
        "timings": canonical(run.timings),
        "duration_ms": round(duration_ms, 3),
        "created_at": taken.now,
        "salt": None,
        "forgotten_at": None,
    }


def result_rows(decision_id: str, run: Run) -> list[Row]:
    """The rows of ``task_results``."""
    timings = run.timings
    return [_result_row(decision_id, fact, timings[fact.task]) for fact in run.facts]


def answer_rows(taken: Taken, run: Run) -> list[Row]:
    """The rows of ``paid_answers``."""
    paid = [answer for fact in run.facts for answer in fact.answers]
    return [asdict(one) | {"decision_id": taken.id, "created_at": taken.now} for one in paid]


def subject_of(usecase: UseCase, request: Intake) -> str | None:
    """Whose decision it is."""
    name = usecase.graph.subject
    return getattr(request.sealed, name) if name else None


def outcome_of(decision: str | None) -> str | None:
    """The outcome of a decision that has one, for looking decisions up by it."""
    if decision is None or '"outcome"' not in decision:
        return None
    outcome = json.loads(decision).get("outcome")
    return outcome if isinstance(outcome, str) and len(outcome) <= LONGEST_OUTCOME else None


def envelope(row: Row, **members: Any) -> str:
    """A decision's envelope as JSON text; what is stored as JSON goes in as it is."""
    parts = [
        f'"id":"{row["id"]}","use_case":"{row["use_case"]}","version":"{row["version"]}"',
        f'"status":"{row["status"]}","decision":{row["decision"] or "null"}',
        f'"degraded":{row["degraded"]},"created_at":"{row["created_at"].isoformat()}"',
    ]
    if row["failure"]:
        parts.append(f'"failure":{row["failure"]}')
    parts += [f'"{name}":{canonical(value)}' for name, value in members.items()]
    return "{" + ",".join(parts) + "}"


def _result_row(decision_id: str, fact: Fact, times: tuple[float, float]) -> Row:
    first = next((call for call in fact.calls if call.error is None), fact.calls[0] if fact.calls else None)
    return {
        "decision_id": decision_id,
        "task": fact.task,
        "fact_key": fact.key,
        "provider": first and first.provider,
        "model": first and first.model,
        "model_version": first and first.version,
        "calls": canonical([call.as_dict() for call in fact.calls]) if fact.calls else "[]",
        "output": fact.output,
        "error": canonical(fact.error) if fact.error else None,
        "fallback_used": fact.fallback,
        "started_ms": times[0],
        "duration_ms": times[1],
        "carried_from": fact.carried_from,
    }
