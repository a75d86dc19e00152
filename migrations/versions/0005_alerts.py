"""What people were alerted of, so that they hear it once. Software for schema 3 does not need to know it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chalicelib.store.tables import UtcDateTime

revision, down_revision = "0005", "0004"
VERSION, COMPATIBLE_FROM = 5, 3


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("stage", sa.String(50), primary_key=True),
        sa.Column("kind", sa.String(20), primary_key=True),
        sa.Column("about", sa.String(64), primary_key=True),
        sa.Column("told_at", UtcDateTime, nullable=False),
    )
    said = sa.table("schema_version", sa.column("version"), sa.column("compatible_from"))
    op.execute(said.update().values(version=VERSION, compatible_from=COMPATIBLE_FROM))
