"""The store: decisions and their facts, written together or not at all.

SQLite is the embedded default: WAL, one writer at a time (``BEGIN IMMEDIATE``, because a
transaction that reads first and then writes fails at once when another writer was faster), the
schema created on first use. ``synchronous=NORMAL`` loses no commit when a process is killed.
PostgreSQL is the production store; its schema is Alembic's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, select, text

from chalicelib.store.answers import find_answers
from chalicelib.store.database import Database
from chalicelib.store.statements import Batch
from chalicelib.store.tables import decisions, model_versions, paid_answers, task_results, use_case_versions

if TYPE_CHECKING:
    from chalicelib.store.alerts import Alerts
    from chalicelib.store.claims import Claims
    from chalicelib.store.labels import Labels
    from chalicelib.store.listing import Listing
    from chalicelib.store.outcomes import Outcomes
    from chalicelib.store.past import Past


class Store:
    """Decisions and facts in a relational database.

    Every method raises Unavailable when the database does not answer, SettingsError when its schema does not suit.

    Args:
        url: a SQLAlchemy URL. Raises SettingsError when it is none.
    """

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self._insert_decision = self.database.insert(decisions)
        self._insert_result = self.database.insert(task_results)
        self._insert_answer = self.database.insert(paid_answers, or_ignore=True)
        self._insert_sighting = self.database.insert(model_versions, or_ignore=True)
        self._insert_version = self.database.insert(use_case_versions, or_ignore=True)

    def save(self, record: Any) -> None:
        """Store a decision with its facts, and all that came up with it, in one transaction.

        Args:
            record: a ``chalicelib.rows.Record``: rows of the tables.
        """
        with self.database.batch() as batch:
            self.add(batch, record)

    def add(self, batch: Batch, record: Any) -> None:
        """A decision with all that belongs to it, as part of a transaction."""
        batch.add(self._insert_decision, record.decision)
        batch.add(self._insert_result, *record.results)
        batch.add(self._insert_answer, *record.answers)
        batch.add(self._insert_sighting, *record.sightings)
        batch.add(self._insert_version, *record.versions)

    @cached_property
    def claims(self) -> Claims:
        """Who decides requests with an Idempotency-Key."""
        from chalicelib.store.claims import Claims

        return Claims(self.database)

    @cached_property
    def past(self) -> Past:
        """What was decided about a subject before."""
        from chalicelib.store.past import Past

        return Past(self.database)

    def get(self, decision_id: str) -> dict[str, Any] | None:
        """One decision's row as a dict, or None."""
        with self.database.read() as connection:
            row = connection.execute(_GET, {"of": decision_id}).mappings().first()
        return dict(row) if row else None

    def results(self, decision_id: str) -> list[dict[str, Any]]:
        """The facts of one decision, in the order in which their tasks started."""
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(_RESULTS, {"of": decision_id}).mappings()]

    def answers(
        self, keys: Sequence[str], model: str, version: str, since: datetime
    ) -> dict[str, tuple[str, float, str]]:
        """Key -> newest stored answer of this model version (JSON text), its units, and the decision that paid."""
        with self.database.read() as connection:
            return find_answers(connection, keys, model, version, since)

    def last_seen(self) -> dict[tuple[str, str, str], tuple[int, str, str]]:
        """(capability, provider, asked) -> (number, model, version) that was seen last."""
        with self.database.read() as connection:
            rows = connection.execute(_newest_versions()).mappings()
            return {
                (row["capability"], row["provider"], row["asked"]): (row["number"], row["model"], row["version"])
                for row in rows
            }

    def versions(self, most: int = 1000) -> list[dict[str, Any]]:
        """The versions in which models were seen, oldest first; of very many the last ones."""
        newest = (model_versions.c.seen_at.desc(), model_versions.c.number.desc())
        query = select(model_versions).order_by(*newest).limit(most)
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()][::-1]

    @cached_property
    def listing(self) -> Listing:
        """Pages of decisions."""
        from chalicelib.store.listing import Listing

        return Listing(self.database)

    @cached_property
    def outcomes(self) -> Outcomes:
        """How often each outcome was decided."""
        from chalicelib.store.outcomes import Outcomes

        return Outcomes(self.database)

    @cached_property
    def alerts(self) -> Alerts:
        """Who alerts people of what."""
        from chalicelib.store.alerts import Alerts

        return Alerts(self.database)

    @cached_property
    def labels(self) -> Labels:
        """What people said the right outcomes were."""
        from chalicelib.store.labels import Labels

        return Labels(self.database)

    def ping(self) -> None:
        """Raises Unavailable when the store cannot be used."""
        with self.database.read() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self.database.close()


# made once: to make a statement, and to see that it is compiled already, takes longer than SQLite takes to answer it
_GET = select(decisions).where(decisions.c.id == bindparam("of"))
_RESULTS = (
    select(task_results)
    .where(task_results.c.decision_id == bindparam("of"))
    .order_by(task_results.c.started_ms, task_results.c.task)
)


def _newest_versions() -> Any:
    """The last version of each model, by one pass over the primary key."""
    table = model_versions
    key = table.c.capability, table.c.provider, table.c.asked
    newest = select(*key, func.max(table.c.number).label("number")).group_by(*key).subquery()
    return select(table).join(newest, and_(*(column == newest.c[column.name] for column in (*key, table.c.number))))
