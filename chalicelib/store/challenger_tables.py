"""What challengers would have decided. No request needs it, so these tables are declared when somebody does.

They refer to no decision: on PostgreSQL a month of decisions is dropped without a look at them, and software that does
not know them yet can delete decisions.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String, Table, Text

from chalicelib.store.tables import ID, UtcDateTime, metadata

challenger_decisions = Table(
    "challenger_decisions",
    metadata,
    Column("decision_id", ID, primary_key=True),
    Column("challenger", String(100), primary_key=True),
    Column("definition", String(16), primary_key=True),  # digest of its parameters
    Column("use_case", String(100), nullable=False),
    Column("stage", String(50), nullable=False),
    Column("version", String(64), nullable=False),  # code and parameters
    Column("status", String(20), nullable=False),  # same, other, failed, apart
    Column("outcome", String(100)),
    Column("decision", Text),  # where it is another
    Column("said", Text),  # the step that fails, or why the decision could not be replayed
    Column("replayed_at", UtcDateTime, nullable=False),
    Index("ix_challenger_decisions_use_case", "use_case", "stage", "challenger", "decision_id"),
)

# How far each challenger has come.
challenger_runs = Table(
    "challenger_runs",
    metadata,
    Column("use_case", String(100), primary_key=True),
    Column("stage", String(50), primary_key=True),
    Column("challenger", String(100), primary_key=True),
    Column("definition", String(16), primary_key=True),
    Column("parameters", Text, nullable=False),  # those that it sets
    Column("upto", ID, nullable=False),  # the last decision that was replayed
    Column("decisions", Integer, nullable=False),
    Column("ran_at", UtcDateTime, nullable=False),
)
