"""Pages of decisions, newest first. Each query walks an index that ends in the id, and sorts nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from heapq import merge
from itertools import islice
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, select

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
        parts = self._parts(query, subject, use_cases)
        with self._database.read() as connection:
            newest = (decisions.c.id.desc(),)
            found = [connection.execute(part.order_by(*newest).limit(limit)).mappings().all() for part in parts]
        merged = merge(*found, key=itemgetter("id"), reverse=True)
        return [dict(row) for row in islice(merged, limit)]

    def _parts(self, query: Select[Any], subject: str | None, use_cases: Iterable[str] | None) -> Iterable[Select[Any]]:
        """One query per use case: each walks its own index, and none more rows than a page has.

        A subject has few decisions where a use case has many. SQLite, which has no statistics, would take the index
        of which more columns are given, and so is kept from it; PostgreSQL knows better.
        """
        use_case = decisions.c.use_case
        if subject is None:
            return [query] if use_cases is None else [query.where(use_case == name) for name in sorted(use_cases)]
        query = query.where(decisions.c.subject == subject)
        if use_cases is None:
            return [query]
        is_sqlite = self._database.dialect.name == "sqlite"
        return [query.where((use_case.concat("") if is_sqlite else use_case).in_(sorted(use_cases)))]


def _within(query: Select[Any], stage: str, since: datetime | None, before: str | None) -> Select[Any]:
    query = query.where(decisions.c.stage == stage, decisions.c.status != "forgotten")
    if since is not None:  # a retried decision has the time of its first attempt, and a later id
        query = query.where(decisions.c.id >= first_id(since), decisions.c.created_at >= since)
    return query if before is None else query.where(decisions.c.id < before)
