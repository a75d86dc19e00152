"""How often each outcome was decided, in a span of time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from chalicelib.store.database import Database
from chalicelib.store.ids import first_id
from chalicelib.store.tables import decisions


class Outcomes:
    """Counts. Every method raises Unavailable when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self, stage: str, use_case: str, start: datetime, end: datetime) -> dict[str, int]:
        """Outcome -> decisions taken from ``start`` until ``end``. What has no outcome is not counted."""
        table = decisions.c
        query = (
            select(table.outcome, func.count())
            .where(table.use_case == use_case, table.outcome.is_not(None), table.stage == stage)
            .where(table.id >= first_id(start), table.id < first_id(end))
            .group_by(table.outcome)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
