"""Finding answers that were paid for before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from chalicelib.store.tables import paid_answers

BATCH = 500  # keys in one statement; SQLite takes 32,766 parameters, PostgreSQL 65,535


def find_answers(
    connection: Connection, keys: Sequence[str], model: str, version: str, since: datetime
) -> dict[str, tuple[str, float, str]]:
    """Key -> (result as JSON text, units, decision id) of the newest answer that is not older than ``since``."""
    table, found = paid_answers, {}
    for start in range(0, len(keys), BATCH):
        query = (
            select(table.c.key, table.c.result, table.c.units, table.c.decision_id)
            .where(
                table.c.key.in_(keys[start : start + BATCH]),
                table.c.model == model,
                table.c.version == version,
                table.c.created_at >= since,
            )
            .order_by(table.c.created_at)
        )
        for key, result, units, decision_id in connection.execute(query):
            found[key] = result, units, decision_id
    return found
