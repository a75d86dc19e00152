"""Decisions and their facts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chalicelib.store.tables import ID, UtcDateTime

revision, down_revision = "0001", None


def upgrade() -> None:
    """On PostgreSQL partitioned by the id, which begins with the time; what fits no partition goes to a default one."""
    op.create_table(
        "decisions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("use_case", sa.String(100), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("stage", sa.String(50), nullable=False),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("subject", sa.String(200)),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(100)),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("decision", sa.Text),
        sa.Column("degraded", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("timings", sa.Text, nullable=False),
        sa.Column("duration_ms", sa.Float, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        postgresql_partition_by="RANGE (id)",
    )
    op.create_index("ix_decisions_use_case_created", "decisions", ["use_case", "created_at"])
    op.create_index("ix_decisions_subject_created", "decisions", ["subject", "created_at"])
    op.create_table(
        "task_results",
        sa.Column("decision_id", ID, sa.ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("task", sa.String(100), primary_key=True),
        sa.Column("fact_key", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(100)),
        sa.Column("model", sa.String(200)),
        sa.Column("model_version", sa.String(100)),
        sa.Column("calls", sa.Text, nullable=False),
        sa.Column("output", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("fallback_used", sa.Boolean, nullable=False),
        sa.Column("started_ms", sa.Float, nullable=False),
        sa.Column("duration_ms", sa.Float, nullable=False),
        postgresql_partition_by="RANGE (decision_id)",
    )
    default_partitions("decisions", "task_results")


def default_partitions(*tables: str) -> None:
    """For rows of a time that has no partition yet: nothing is refused."""
    if op.get_bind().dialect.name == "postgresql":
        for table in tables:
            op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")
