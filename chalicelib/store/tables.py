"""The tables. Results and requests are JSON texts, written once and never changed.

Ids are UUIDv7, so they are ordered by time: lists, histories and sums over a period walk an index that ends in the
id, and on PostgreSQL the large tables are partitioned by it. That stands in the migrations only: a table that says
``postgresql_…`` makes SQLAlchemy load that dialect, a tenth of a cold start on SQLite.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; stored without zone where the database has none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


# A UUIDv7 as text; PostgreSQL has a type for it, which takes less than half the room.
ID = String(36).with_variant(Uuid(as_uuid=False), "postgresql")

metadata = MetaData()

decisions = Table(
    "decisions",
    metadata,
    Column("id", ID, primary_key=True),
    Column("use_case", String(100), nullable=False),
    Column("version", String(64), nullable=False),
    Column("stage", String(50), nullable=False),
    Column("client", String(100), nullable=False),
    Column("subject", String(200)),
    Column("status", String(20), nullable=False),  # decided, failed, forgotten
    Column("outcome", String(100)),
    Column("request", Text, nullable=False),  # as validated; photos by digest
    Column("decision", Text),
    Column("degraded", Text, nullable=False),
    Column("failure", Text),
    Column("timings", Text, nullable=False),  # step -> [started ms, duration ms]
    Column("duration_ms", Float, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),  # the decision's `now`; never after the time in the id
    Column("salt", Text),  # of its fact keys, encrypted; where a use case has sensitive fields
    Column("forgotten_at", UtcDateTime),  # when what was about a person was erased
    Index("ix_decisions_use_case", "use_case", "id"),
    Index("ix_decisions_outcome", "use_case", "outcome", "id"),
    Index("ix_decisions_subject", "subject", "id"),
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
    Column("carried_from", ID),  # the earlier attempt of the same keyed request that found it; it may have died
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
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("model", String(200), nullable=False),
    Column("version", String(100), nullable=False),
    Column("previous", String(310)),  # model and version before; NULL for the first
    Column("seen_at", UtcDateTime, nullable=False),
    Column("decision_id", String(36), nullable=False),  # which saw it; it may be gone
    Index("ix_model_versions_seen", "seen_at", "number"),
)

# Every version that decided, and in which runtimes: what it takes to run it again.
use_case_versions = Table(
    "use_case_versions",
    metadata,
    Column("use_case", String(100), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("runtime", String(16), primary_key=True),  # digest of Python's and the packages' versions
    Column("contract", Integer, nullable=False),
    Column("module", Text, nullable=False),  # its source
    Column("parameters", Text, nullable=False),  # as bound
    Column("notebook", String(300), nullable=False),
    Column("source", Text, nullable=False),  # the cells' lines, and what each task's fingerprint is made of
    Column("revision", String(100)),  # of git; NULL where nobody said
    Column("python", String(50), nullable=False),
    Column("packages", Text, nullable=False),  # name -> version
    Column("first_seen_at", UtcDateTime, nullable=False),
)

# What people said the right outcome was. Nothing is overwritten.
labels = Table(
    "labels",
    metadata,
    Column("id", ID, primary_key=True),
    Column("decision_id", ForeignKey("decisions.id", ondelete="CASCADE"), nullable=False),
    Column("outcome", String(100), nullable=False),
    Column("who", String(200), nullable=False),
    Column("reason", Text),
    Column("client", String(100), nullable=False),  # who sent it; "import" for a file
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_labels_decision", "decision_id", "id"),
)

# Decisions drawn to be labelled: how many each stands for.
label_samples = Table(
    "label_samples",
    metadata,
    Column("sample", ID, primary_key=True),
    Column("decision_id", ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True),
    Column("use_case", String(100), nullable=False),
    Column("stratum", String(100), nullable=False),  # the outcome it was drawn among
    Column("weight", Float, nullable=False),  # decisions in the stratum over decisions drawn from it
    Column("drawn_at", UtcDateTime, nullable=False),
    Index("ix_label_samples_decision", "decision_id"),
)

# Requests with an Idempotency-Key: who answers it, and what became of it.
idempotency = Table(
    "idempotency",
    metadata,
    Column("client", String(100), primary_key=True),
    Column("use_case", String(100), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("claim", ID, nullable=False, unique=True),
    Column("payload", String(64), nullable=False),  # digest of the body
    Column("state", String(10), nullable=False),  # running, open (may be taken over), done
    Column("decision_id", ID, nullable=False),  # of the attempt that runs or ended: its owner
    Column("owned_until", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),  # the first attempt's `now`, and every later one's
    Column("expires_at", UtcDateTime, nullable=False),
    Column("salt", Text),  # as of decisions
    Column("subject", String(200)),  # as of decisions: what is found before there is one is about a person, too
    Index("ix_idempotency_expires", "expires_at"),
    Index("ix_idempotency_decision", "decision_id"),
    Index("ix_idempotency_subject", "subject"),
)

# Facts of keyed requests that are not decided yet; gone when they are.
claimed_facts = Table(
    "claimed_facts",
    metadata,
    Column("claim", ForeignKey("idempotency.claim", ondelete="CASCADE"), primary_key=True),
    Column("task", String(100), primary_key=True),
    Column("fact_key", String(64), primary_key=True),
    Column("attempt", ID, nullable=False),  # the decision id under which it was found
    Column("recorded", Boolean, nullable=False),  # that attempt ended as a failed decision, which has it, too
    Column("output", Text, nullable=False),
    Column("calls", Text, nullable=False),
    Column("answers", Text, nullable=False),  # of the calls: those that may be used again
)

# Which schema this is, and the oldest software that can still work with it.
schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("compatible_from", Integer, nullable=False),
)
