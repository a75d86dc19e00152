"""What challengers would have decided. Software for schema 3 does not need to know it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chalicelib.store.tables import ID, UtcDateTime

revision, down_revision = "0004", "0003"
VERSION, COMPATIBLE_FROM = 4, 3


def upgrade() -> None:
    op.create_table(
        "challenger_decisions",
        sa.Column("decision_id", ID, primary_key=True),
        sa.Column("challenger", sa.String(100), primary_key=True),
        sa.Column("definition", sa.String(16), primary_key=True),
        sa.Column("use_case", sa.String(100), nullable=False),
        sa.Column("stage", sa.String(50), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(100)),
        sa.Column("decision", sa.Text),
        sa.Column("said", sa.Text),
        sa.Column("replayed_at", UtcDateTime, nullable=False),
    )
    indexed = ["use_case", "stage", "challenger", "decision_id"]
    op.create_index("ix_challenger_decisions_use_case", "challenger_decisions", indexed)
    op.create_table(
        "challenger_runs",
        sa.Column("use_case", sa.String(100), primary_key=True),
        sa.Column("stage", sa.String(50), primary_key=True),
        sa.Column("challenger", sa.String(100), primary_key=True),
        sa.Column("definition", sa.String(16), primary_key=True),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("upto", ID, nullable=False),
        sa.Column("decisions", sa.Integer, nullable=False),
        sa.Column("ran_at", UtcDateTime, nullable=False),
    )
    said = sa.table("schema_version", sa.column("version"), sa.column("compatible_from"))
    op.execute(said.update().values(version=VERSION, compatible_from=COMPATIBLE_FROM))
