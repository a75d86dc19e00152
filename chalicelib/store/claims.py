"""Claims: of several requests with one key, exactly one decides at a time.

Each change is one statement, or one transaction that holds the row (SQLite: the file), so that of two who want a
claim one gets it. What an owner stores at the end is stored only if it is still the owner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, insert, select, update

from chalicelib.claim import DONE, OPEN, RUNNING, Claim
from chalicelib.errors import Conflict
from chalicelib.store.database import Database
from chalicelib.store.statements import Batch, Insert, Statement
from chalicelib.store.tables import claimed_facts, idempotency

Row = dict[str, Any]
TRIES = 3  # a row that is in the way of an insert may be gone when it is looked at


class Claims:
    """Who decides keyed requests, and what was found for those that are not decided yet.

    Every method raises Unavailable when the database does not answer, SettingsError when its schema does not suit.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._insert = database.insert(idempotency, or_ignore=True)
        self._insert_fact = database.insert(claimed_facts, or_ignore=True)
        self._keep = Statement(_KEEP, database.dialect)
        self._end = Statement(_END, database.dialect)
        self._delete_facts = Statement(_DELETE_FACTS, database.dialect)
        self._record_fact = Statement(_RECORD_FACT, database.dialect)

    def find(self, client: str, use_case: str, key: str) -> Claim | None:
        """The claim of this key, whatever its state."""
        with self.database.read() as connection:
            return _find(connection, client, use_case, key)

    def take(self, wanted: Claim, payloads: Sequence[str], at: datetime) -> Claim:
        """The claim as it is now: the caller's if it has the owner of ``wanted``, else somebody else's, or done.

        Args:
            payloads: the digests under which what is asked may be known.
            at: the time by which it is judged who is dead and what is expired.
        """
        for _ in range(TRIES):
            with self.database.read() as connection:
                if _execute(connection, self._insert, asdict(wanted)):
                    return wanted
            with self.database.begin() as connection:
                there = _find(connection, wanted.client, wanted.use_case, wanted.key, locked=True)
                if there is not None:
                    return _replace(connection, there, wanted, payloads, at)
        raise Conflict("the claim of this key comes and goes")

    def facts(self, claim: Claim) -> list[Row]:
        """What earlier attempts found: rows of ``claimed_facts``."""
        with self.database.read() as connection:
            query = select(claimed_facts).where(claimed_facts.c.claim == claim.claim)
            return [dict(row) for row in connection.execute(query).mappings()]

    def keep(self, claim: Claim, fact: Row) -> None:
        """Store a fact at once, if its finder still owns the claim."""
        with self.database.read() as connection:
            _execute(connection, self._keep, fact | {"owner": claim.decision_id})

    @contextmanager
    def ending(
        self, claim: Claim, failed: bool, unkept: Sequence[Row], found: Sequence[tuple[str, str]]
    ) -> Iterator[Batch]:
        """The transaction with which an attempt ends; to it the caller adds its decision.

        Args:
            unkept: facts of a failed attempt that are not stored yet, rows of ``claimed_facts``.
            found: (task, fact key) of a failed attempt's facts, also of those carried over: its decision has them.

        Raises Conflict, and stores nothing, when the claim has another owner.
        """
        names = {"of_claim": claim.claim, "owner": claim.decision_id}
        with self.database.batch() as batch:
            if batch.first(self._end, names | {"then": OPEN if failed else DONE}) is None:
                raise Conflict("another request with this Idempotency-Key took over")
            yield batch
            if not failed:
                batch.add(self._delete_facts, names)
                return
            batch.add(self._insert_fact, *unkept)
            batch.add(self._record_fact, *(names | {"of": task, "under": key} for task, key in found))

    def release(self, claim: Claim) -> None:
        """Let the next attempt begin at once; nothing when the claim has another owner, or is done.

        Its owner is all that is looked at: who lost its connection while it took over knows no more.
        """
        with self.database.read() as connection:
            mine = idempotency.c.decision_id == claim.decision_id, idempotency.c.state == RUNNING
            connection.execute(update(idempotency).where(*mine).values(state=OPEN))

    def drop(self, claim: Claim) -> None:
        """Forget a claim, with the facts that were found for it."""
        with self.database.read() as connection:
            named = idempotency.c.claim == claim.claim, idempotency.c.decision_id == claim.decision_id
            connection.execute(delete(idempotency).where(*named))


def _owned_by(claim: Any, owner: Any) -> Any:
    table = idempotency.c
    return and_(table.claim == claim, table.decision_id == owner, table.state == RUNNING)


_KEEP = insert(claimed_facts).from_select(
    list(claimed_facts.columns),
    select(*(bindparam(column.name, type_=column.type) for column in claimed_facts.columns)).where(
        select(idempotency)
        .where(_owned_by(bindparam("claim"), bindparam("owner")))
        .with_for_update(read=True, key_share=True)  # else it would be stored after a takeover that it waited for
        .exists()
    ),
)
_END = (
    update(idempotency)
    .where(_owned_by(bindparam("of_claim"), bindparam("owner")))
    .values(state=bindparam("then"))
    .returning(idempotency.c.state)
)
_DELETE_FACTS = delete(claimed_facts).where(claimed_facts.c.claim == bindparam("of_claim"))
_RECORD_FACT = (
    update(claimed_facts)
    .where(
        claimed_facts.c.claim == bindparam("of_claim"),
        claimed_facts.c.task == bindparam("of"),
        claimed_facts.c.fact_key == bindparam("under"),
        claimed_facts.c.recorded.is_(False),
    )
    .values(recorded=True, attempt=bindparam("owner"))
)


def _find(connection: Connection, client: str, use_case: str, key: str, locked: bool = False) -> Claim | None:
    table = idempotency.c
    query = select(idempotency).where(table.client == client, table.use_case == use_case, table.key == key)
    row = connection.execute(query.with_for_update() if locked else query).mappings().first()
    return Claim(**row) if row else None


def _replace(connection: Connection, there: Claim, wanted: Claim, payloads: Sequence[str], at: datetime) -> Claim:
    """Who is in the way makes room, if it is expired, dead or open. The row is held."""
    if there.is_expired(at):
        connection.execute(delete(claimed_facts).where(claimed_facts.c.claim == there.claim))
        taken = wanted
    elif there.is_free(at) and there.payload in payloads:
        taken = there.taken_over(wanted)
    else:
        return there
    named = idempotency.c.claim == there.claim, idempotency.c.decision_id == there.decision_id
    connection.execute(update(idempotency).where(*named).values(**asdict(taken)))
    return taken


def _execute(connection: Connection, statement: Insert | Statement, row: Row) -> int:
    """How many rows a statement changed, which the driver takes as it is: compiling it again takes longer."""
    parameters = statement.parameters(row)
    by_position = tuple(parameters) if isinstance(parameters, list) else parameters
    return connection.exec_driver_sql(statement.sql, by_position).rowcount
