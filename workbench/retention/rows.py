"""Deleting what belongs to decisions: a few at a time, each time a transaction of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter, sleep
from typing import Any

from sqlalchemy import Connection, Table, delete, func, select, text

from chalicelib.store.challenger_tables import challenger_decisions
from chalicelib.store.database import Database
from chalicelib.store.tables import (
    claimed_facts,
    decisions,
    idempotency,
    label_samples,
    labels,
    paid_answers,
    task_results,
)

BATCH = 200  # decisions in one transaction: about a tenth of a second
OF_A_DECISION = (challenger_decisions, label_samples, labels, paid_answers, task_results)
LONGEST_PAUSE = 1.0  # seconds


@contextmanager
def reading(database: Database) -> Iterator[Connection]:
    """A connection for a query that may take minutes."""
    with database.read() as connection:
        if connection.dialect.name != "postgresql":
            yield connection
            return
        connection.execute(text("SET statement_timeout = 0"))
        try:
            yield connection
        finally:
            connection.execute(text("RESET statement_timeout"))


@contextmanager
def in_turn(database: Database) -> Iterator[Connection]:
    """A transaction, and after it a pause of the same length: SQLite has one writer, and keeps no queue."""
    began = perf_counter()
    with database.begin() as connection:
        yield connection
    if database.dialect.name == "sqlite":
        sleep(min(LONGEST_PAUSE, perf_counter() - began))


def of(column: Any, ids: Sequence[str]) -> Any:
    """Rows of these ids, given in their order; the range tells PostgreSQL in which partition they are."""
    return column.between(ids[0], ids[-1]) & column.in_(ids)


def delete_decisions(connection: Connection, ids: Sequence[str]) -> Counter[str]:
    """Delete decisions with all that belongs to them. Table -> rows."""
    gone = delete_keyed(connection, ids)
    for table in OF_A_DECISION:
        gone += remove(connection, table, of(table.c.decision_id, ids))
    return gone + remove(connection, decisions, of(decisions.c.id, ids))


def delete_keyed(connection: Connection, ids: Sequence[str]) -> Counter[str]:
    """Delete the keyed requests that ended as these decisions, or that found facts for them."""
    ended = select(idempotency.c.claim).where(idempotency.c.decision_id.in_(ids))
    found_for = select(claimed_facts.c.claim).where(
        claimed_facts.c.attempt.in_(ids)
    )  # few rows: of a day, and undecided
    claims = sorted({*connection.scalars(ended), *connection.scalars(found_for)})
    return delete_claims(connection, claims) if claims else Counter()


def delete_claims_of(connection: Connection, subject: str) -> Counter[str]:
    """Delete a person's keyed requests, also those that never came to a decision."""
    claims = list(connection.scalars(select(idempotency.c.claim).where(idempotency.c.subject == subject)))
    return delete_claims(connection, claims) if claims else Counter()


def delete_claims(connection: Connection, claims: Sequence[str], *conditions: Any) -> Counter[str]:
    """Delete keyed requests with their facts."""
    gone = remove(connection, claimed_facts, claimed_facts.c.claim.in_(claims))
    return gone + remove(connection, idempotency, idempotency.c.claim.in_(claims), *conditions)


def delete_expired_claims(database: Database, now: datetime) -> Counter[str]:
    """Delete the keyed requests that nobody may ask about any more, and nobody decides."""
    gone = Counter[str]()
    is_over = idempotency.c.expires_at < now, idempotency.c.owned_until < now
    while True:
        with in_turn(database) as connection:
            claims = list(connection.scalars(select(idempotency.c.claim).where(*is_over).limit(BATCH)))
            if not claims:
                return gone
            gone += delete_claims(connection, claims, *is_over)


def delete_challenged(database: Database, before: str) -> Counter[str]:
    """Delete what challengers would have decided before this id: of months that were dropped, of what nobody knew."""
    gone, key = Counter[str](), challenger_decisions.c.decision_id
    while True:
        with in_turn(database) as connection:
            ids = list(connection.scalars(select(key).where(key < before).order_by(key).limit(BATCH)))
            if not ids:
                return gone
            gone += remove(connection, challenger_decisions, of(key, ids))


def count(connection: Connection, table: Table, *conditions: Any) -> int:
    """How many rows there are."""
    found: int = connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
    return found


def remove(connection: Connection, table: Table, *conditions: Any) -> Counter[str]:
    """Delete rows. The table's name -> how many."""
    return Counter({table.name: connection.execute(delete(table).where(*conditions)).rowcount})
