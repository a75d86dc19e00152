"""The tables. Results and requests are JSON texts, written once and never changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Boolean, Column, DateTime, Float, ForeignKey, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.types import TypeDecorator

SCHEMA_VERSION = 2


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; stored without zone where the database has none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


metadata = MetaData()

decisions = Table(
    "decisions",
    metadata,
    Column("id", String(36), primary_key=True),  # UUIDv7: ordered by time
    Column("use_case", String(100), nullable=False),
    Column("version", String(64), nullable=False),
    Column("stage", String(50), nullable=False),
    Column("client", String(100), nullable=False),
    Column("subject", String(200)),
    Column("status", String(20), nullable=False),  # decided, failed
    Column("outcome", String(100)),
    Column("request", Text, nullable=False),  # as validated; photos by digest
    Column("decision", Text),
    Column("degraded", Text, nullable=False),
    Column("failure", Text),
    Column("timings", Text, nullable=False),  # step -> [started ms, duration ms]
    Column("duration_ms", Float, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),  # the decision's `now`
    Index("ix_decisions_use_case_created", "use_case", "created_at"),
    Index("ix_decisions_subject_created", "subject", "created_at"),
)

task_results = Table(
    "task_results",
    metadata,
    Column("decision_id", ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
    Column("task", String(100), primary_key=True),
    Column("fact_key", String(64), nullable=False),
    Column("provider", String(100)),  # of the first model call, where there was one
    Column("model", String(200)),
    Column("model_version", String(100)),
    Column("calls", Text, nullable=False),  # every model call
    Column("output", Text),
    Column("error", Text),
    Column("fallback_used", Boolean, nullable=False),
    Column("started_ms", Float, nullable=False),
    Column("duration_ms", Float, nullable=False),
)

# Answers of models that may be used again; gone with the decision that paid for them.
paid_answers = Table(
    "paid_answers",
    metadata,
    Column("key", String(64), primary_key=True),  # of what was asked of whom
    Column("decision_id", ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
    Column("model", String(200), nullable=False),
    Column("version", String(100), nullable=False),
    Column("units", Float, nullable=False),  # what was charged for it
    Column("result", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_paid_answers_decision", "decision_id"),
)

# Every version in which a model was seen to answer, in order.
model_versions = Table(
    "model_versions",
    metadata,
    Column("capability", String(20), primary_key=True),
    Column("provider", String(100), primary_key=True),
    Column("asked", String(100), primary_key=True),  # predict's name for it; empty otherwise
    Column("number", Integer, primary_key=True),
    Column("model", String(200), nullable=False),
    Column("version", String(100), nullable=False),
    Column("previous", String(310)),  # model and version before; NULL for the first
    Column("seen_at", UtcDateTime, nullable=False),
    Column("decision_id", String(36), nullable=False),  # which saw it; it may be gone
)
