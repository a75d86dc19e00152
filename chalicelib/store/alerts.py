"""What people were alerted of: of many processes that see the same, one tells them, and then nobody for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, text, update

from chalicelib.store.alert_tables import alerts
from chalicelib.store.database import Database
from chalicelib.store.tables import UtcDateTime

FORGOTTEN = timedelta(days=30)  # older ones are deleted when a new one comes


class Alerts:
    """Who tells. Every method raises Unavailable when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, stage: str, kind: str, about: str, now: datetime, quiet: timedelta) -> bool:
        """Whether the caller is to tell: nobody has within ``quiet``. Of several that ask at once, one is."""
        row = {"stage": stage, "kind": kind, "about": about, "told_at": now}
        again = update(alerts).where(*_same(stage, kind, about), alerts.c.told_at <= now - quiet).values(told_at=now)
        with self._database.begin() as connection:
            if connection.execute(_INSERT, row).rowcount == 1:
                connection.execute(delete(alerts).where(alerts.c.told_at < now - FORGOTTEN))
                return True
            return connection.execute(again).rowcount == 1

    def release(self, stage: str, kind: str, about: str) -> None:
        """It could not be told: whoever sees it next may try."""
        with self._database.begin() as connection:
            connection.execute(delete(alerts).where(*_same(stage, kind, about)))


def _same(stage: str, kind: str, about: str) -> tuple[ColumnElement[bool], ...]:
    return alerts.c.stage == stage, alerts.c.kind == kind, alerts.c.about == about


# what both SQLite and PostgreSQL say for: another was faster
_INSERT = text("INSERT INTO alerts VALUES (:stage, :kind, :about, :told_at) ON CONFLICT DO NOTHING").bindparams(
    bindparam("told_at", type_=UtcDateTime)
)
