"""Versions that decided, labels, keyed requests, what was forgotten; indexes that end in the id."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chalicelib.store.tables import ID, UtcDateTime

revision, down_revision = "0003", "0002"
VERSION, COMPATIBLE_FROM = 3, 3


def upgrade() -> None:
    _decisions()
    _use_case_versions()
    _labels()
    _keyed_requests()
    _pair_partitions()
    op.create_index("ix_model_versions_seen", "model_versions", ["seen_at", "number"])
    table = op.create_table(
        "schema_version",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("compatible_from", sa.Integer, nullable=False),
    )
    op.bulk_insert(table, [{"version": VERSION, "compatible_from": COMPATIBLE_FROM}])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("PRAGMA user_version = 0")  # what told the schema before


def _decisions() -> None:
    op.add_column("decisions", sa.Column("salt", sa.Text))
    op.add_column("decisions", sa.Column("forgotten_at", UtcDateTime))
    op.add_column("task_results", sa.Column("carried_from", ID))
    op.drop_index("ix_decisions_use_case_created", "decisions")
    op.drop_index("ix_decisions_subject_created", "decisions")
    op.create_index("ix_decisions_use_case", "decisions", ["use_case", "id"])
    op.create_index("ix_decisions_outcome", "decisions", ["use_case", "outcome", "id"])
    op.create_index("ix_decisions_subject", "decisions", ["subject", "id"])


def _use_case_versions() -> None:
    op.create_table(
        "use_case_versions",
        sa.Column("use_case", sa.String(100), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("runtime", sa.String(16), primary_key=True),
        sa.Column("contract", sa.Integer, nullable=False),
        sa.Column("module", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("notebook", sa.String(300), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("revision", sa.String(100)),
        sa.Column("python", sa.String(50), nullable=False),
        sa.Column("packages", sa.Text, nullable=False),
        sa.Column("first_seen_at", UtcDateTime, nullable=False),
    )


def _labels() -> None:
    op.create_table(
        "labels",
        sa.Column("id", ID, primary_key=True),
        sa.Column("decision_id", ID, sa.ForeignKey("decisions.id", ondelete="CASCADE"), nullable=False),
        sa.Column("outcome", sa.String(100), nullable=False),
        sa.Column("who", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_labels_decision", "labels", ["decision_id", "id"])
    op.create_table(
        "label_samples",
        sa.Column("sample", ID, primary_key=True),
        sa.Column("decision_id", ID, sa.ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("use_case", sa.String(100), nullable=False),
        sa.Column("stratum", sa.String(100), nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("drawn_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_label_samples_decision", "label_samples", ["decision_id"])


def _keyed_requests() -> None:
    op.create_table(
        "idempotency",
        sa.Column("client", sa.String(100), primary_key=True),
        sa.Column("use_case", sa.String(100), primary_key=True),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("claim", ID, nullable=False, unique=True),
        sa.Column("payload", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("owned_until", UtcDateTime, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("salt", sa.Text),
        sa.Column("subject", sa.String(200)),
    )
    op.create_index("ix_idempotency_expires", "idempotency", ["expires_at"])
    op.create_index("ix_idempotency_decision", "idempotency", ["decision_id"])
    op.create_index("ix_idempotency_subject", "idempotency", ["subject"])
    op.create_table(
        "claimed_facts",
        sa.Column("claim", ID, sa.ForeignKey("idempotency.claim", ondelete="CASCADE"), primary_key=True),
        sa.Column("task", sa.String(100), primary_key=True),
        sa.Column("fact_key", sa.String(64), primary_key=True),
        sa.Column("attempt", ID, nullable=False),
        sa.Column("recorded", sa.Boolean, nullable=False),
        sa.Column("output", sa.Text, nullable=False),
        sa.Column("calls", sa.Text, nullable=False),
        sa.Column("answers", sa.Text, nullable=False),
    )


def _pair_partitions() -> None:
    """On PostgreSQL a partition of facts refers to that of their decisions, not to all of them: a check looks into one
    table, and a month can be dropped without a look at the others."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in ("task_results", "paid_answers"):
        op.drop_constraint(f"{table}_decision_id_fkey", table)
        op.create_foreign_key(
            None, f"{table}_default", "decisions_default", ["decision_id"], ["id"], ondelete="CASCADE"
        )
