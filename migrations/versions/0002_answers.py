"""Answers that may be used again, and the versions of models that were seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chalicelib.store.tables import ID, UtcDateTime

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    op.create_table(
        "paid_answers",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("decision_id", ID, sa.ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.String(100), nullable=False),
        sa.Column("units", sa.Float, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        postgresql_partition_by="RANGE (decision_id)",
    )
    op.create_index("ix_paid_answers_decision", "paid_answers", ["decision_id"])
    op.create_table(
        "model_versions",
        sa.Column("capability", sa.String(20), primary_key=True),
        sa.Column("provider", sa.String(100), primary_key=True),
        sa.Column("asked", sa.String(100), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.String(100), nullable=False),
        sa.Column("previous", sa.String(310)),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.Column("decision_id", sa.String(36), nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE TABLE paid_answers_default PARTITION OF paid_answers DEFAULT")
