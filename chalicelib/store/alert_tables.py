"""What people were alerted of. No request needs it, so the table is declared when somebody has to be told."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from chalicelib.store.tables import UtcDateTime, metadata

alerts = Table(
    "alerts",
    metadata,
    Column("stage", String(50), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("about", String(64), primary_key=True),  # a digest of what it is about
    Column("told_at", UtcDateTime, nullable=False),
)
