"""Pages of decisions, newest first. Each query walks an index that ends in the id, and sorts nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, union_all

from chalicelib.store.database import Database
from chalicelib.store.ids import first_id
from chalicelib.store.tables import decisions

UNSHOWN = frozenset({"request", "timings", "salt"})  # large or secret, and no part of an envelope
COLUMNS = [column for column in decisions.c if column.name not in UNSHOWN]


class Listing:
    """What decisions there are. Every method raises Unavailable when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self,
        stage: str,
        use_cases: Iterable[str] | None,
        limit: int,
        *,
        subject: str | None = None,
        outcome: str | None = None,
        since: datetime | None = None,
        before: str | None = None,
    ) -> list[dict[str, Any]]:
        """At most ``limit`` rows of ``decisions``, newest first, without what is forgotten.

        Args:
            use_cases: only of these; None: of any.
            outcome: only together with one use case, or a subject: there is no index of outcomes alone.
            since: taken then or later.
            before: an id; only decisions with a lower one.
        """
        query = _within(select(*COLUMNS), stage, since, before)
        if outcome is not None:
            query = query.where(decisions.c.outcome == outcome)
        if subject is not None:
            query = _of_subject(query, subject, use_cases)
        elif use_cases is not None:
            names = sorted(use_cases)
            if not names:
                return []
            query = _merged([query.where(decisions.c.use_case == name) for name in names], limit)
        ordered = query.order_by(query.selected_columns.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [dict(row) for row in connection.execute(ordered).mappings()]


def _within(query: Select[Any], stage: str, since: datetime | None, before: str | None) -> Select[Any]:
    query = query.where(decisions.c.stage == stage, decisions.c.status != "forgotten")
    if since is not None:  # a retried decision has the time of its first attempt, and a later id
        query = query.where(decisions.c.id >= first_id(since), decisions.c.created_at >= since)
    return query if before is None else query.where(decisions.c.id < before)


def _of_subject(query: Select[Any], subject: str, use_cases: Iterable[str] | None) -> Select[Any]:
    """A subject has few decisions and a use case has many: no other index than the subject's may look better.

    SQLite has no statistics, and would take the index of which more columns are given.
    """
    query = query.where(decisions.c.subject == subject)
    return query if use_cases is None else query.where(decisions.c.use_case.concat("").in_(sorted(use_cases)))


def _merged(parts: list[Select[Any]], limit: int) -> Select[Any]:
    """One ordered walk through several use cases, each by its own index: no more rows of each than one page."""
    if len(parts) == 1:
        return parts[0]
    newest = [select(part.order_by(part.selected_columns.id.desc()).limit(limit).subquery()) for part in parts]
    return select(union_all(*newest).subquery())
