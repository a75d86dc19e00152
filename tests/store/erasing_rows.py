"""Decisions with everything that may belong to them, of any age, as rows; and what of it a database holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from store_rows import decision, facts
from uuid6 import uuid7

from chalicelib.rows import Record
from chalicelib.store import Store
from chalicelib.store.challenger_tables import challenger_decisions
from chalicelib.store.ids import first_id
from chalicelib.store.tables import claimed_facts, idempotency, label_samples, labels, metadata

NOW = datetime.now(UTC)
TABLES = ("decisions", "task_results", "paid_answers", "labels", "label_samples", "idempotency", "claimed_facts")
TABLES += ("challenger_decisions",)


def id_at(at: datetime) -> str:
    """An id made at that time."""
    return first_id(at)[:15] + str(uuid7())[15:]


def save(store: Store, at: datetime, facts_of: int = 2, **changes: Any) -> str:
    """A decision of that time with facts and an answer. Its id."""
    row = decision(at, **{"id": id_at(at), **changes})
    answer = {"key": row["id"][-12:], "decision_id": row["id"], "model": "m", "version": "1", "units": 1.0}
    answers = [{**answer, "result": '{"이름":"김"}', "created_at": at}]
    store.save(Record(row, facts(row["id"], facts_of), answers))
    return str(row["id"])


def label(store: Store, decision_id: str, reason: str | None = "본인이 아님") -> None:
    """A label and a place in a sample."""
    of = {"decision_id": decision_id}
    said = {"id": str(uuid7()), "outcome": "reject", "who": "jiwoo", "reason": reason, "client": "import"}
    drawn = {"sample": str(uuid7()), "use_case": "refund_check", "stratum": "pay", "weight": 2.0, "drawn_at": NOW}
    with store.database.begin() as connection:
        connection.execute(insert(labels).values(**of, **said, created_at=NOW))
        connection.execute(insert(label_samples).values(**of, **drawn))


def challenge(store: Store, decision_id: str, text: str = '{"이름":"김"}') -> None:
    """What a challenger would have decided."""
    made = {"challenger": "strict", "definition": "d", "use_case": "refund_check", "stage": "local", "version": "v"}
    with store.database.begin() as connection:
        row = {**made, "decision_id": decision_id, "status": "other", "decision": text, "replayed_at": NOW}
        connection.execute(insert(challenger_decisions).values(**row))


def claim(store: Store, decision_id: str, expires_at: datetime, state: str = "done", **changes: Any) -> str:
    """A keyed request whose last attempt is that decision, with a fact that was found for it. Its id."""
    row = {"client": "local", "use_case": "refund_check", "key": str(uuid7()), "claim": str(uuid7()), "payload": "p"}
    times = {"owned_until": expires_at - timedelta(hours=24), "created_at": NOW, "expires_at": expires_at}
    made = {**row, "state": state, "decision_id": decision_id, **times, **changes}
    fact = {"claim": made["claim"], "task": "a", "fact_key": "f", "attempt": decision_id, "recorded": False}
    with store.database.begin() as connection:
        connection.execute(insert(idempotency).values(**made))
        connection.execute(insert(claimed_facts).values(**fact, output='"김"', calls="[]", answers="[]"))
    return str(made["claim"])


def counts(store: Store) -> dict[str, int]:
    """Table -> rows, of those that hold any."""
    with store.database.read() as connection:
        found = {name: connection.scalar(select(func.count()).select_from(metadata.tables[name])) for name in TABLES}
    return {name: int(rows) for name, rows in found.items() if rows}


def ids(store: Store) -> set[str]:
    with store.database.read() as connection:
        return set(connection.scalars(select(metadata.tables["decisions"].c.id)))
