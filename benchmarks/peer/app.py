"""The peer: the benchmark's use case on FastAPI, Mangum and the SQLAlchemy ORM.

Written to be quick where the stack allows it: no lifespan, no logging, one engine whose connections
are kept, nothing expires on commit, results as plain calls without threads of their own. It does what
our side does for the same event: validate the request and refuse unknown fields, three results, the
same logic, one decision and three results stored in the same columns, with the same indexes, keys and
pragmas, in one commit, and the same reply. On PostgreSQL it has no partitions, and the driver prepares its statements.

``decide`` is a plain ``def``, as FastAPI asks for blocking code such as this; ``decide_async`` does the
same on the event loop, which only a process that answers one request at a time can afford.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from time import perf_counter
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import DateTime, ForeignKey, Index, String, Text, Uuid, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from uuid6 import uuid7

VERSION = "9f2c41d07be83a56"
RISK_REVIEW, RISK_REJECT = 0.5, 0.8


class Request(BaseModel):
    """As in the benchmark's notebook."""

    model_config = ConfigDict(extra="forbid")

    user_id: Annotated[str, Field(min_length=1, max_length=200)]
    city: Annotated[str, Field(max_length=100)]
    age: Annotated[int, Field(ge=18, le=120)]
    score: Annotated[float, Field(ge=0, le=1)]
    tags: list[str] = []


class Decision(BaseModel):
    """As in the benchmark's notebook."""

    outcome: Literal["approve", "review", "reject"]
    reasons: list[Literal["risk", "place"]] = []


class Envelope(BaseModel):
    """The reply, with the same members as ours."""

    id: str
    use_case: str
    version: str
    status: str
    decision: Decision
    degraded: list[str] = []
    created_at: datetime


# as ours: a text, and PostgreSQL's own type where there is one
ID = String(36).with_variant(Uuid(as_uuid=False), "postgresql")


class Base(DeclarativeBase):
    """The tables: the columns, keys and indexes of ours."""


class DecisionRow(Base):
    """One decision."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_use_case", "use_case", "id"),
        Index("ix_decisions_outcome", "use_case", "outcome", "id"),
        Index("ix_decisions_subject", "subject", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    use_case: Mapped[str] = mapped_column(String(100))
    version: Mapped[str] = mapped_column(String(64))
    stage: Mapped[str] = mapped_column(String(50))
    client: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str | None] = mapped_column(String(100))
    request: Mapped[str] = mapped_column(Text)
    decision: Mapped[str | None] = mapped_column(Text)
    degraded: Mapped[str] = mapped_column(Text)
    failure: Mapped[str | None] = mapped_column(Text)
    timings: Mapped[str] = mapped_column(Text)
    duration_ms: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    salt: Mapped[str | None] = mapped_column(Text)
    forgotten_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ResultRow(Base):
    """One task's result."""

    __tablename__ = "task_results"

    decision_id: Mapped[str] = mapped_column(ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True)
    task: Mapped[str] = mapped_column(String(100), primary_key=True)
    fact_key: Mapped[str] = mapped_column(String(64))
    provider: Mapped[str | None] = mapped_column(String(100))
    model: Mapped[str | None] = mapped_column(String(200))
    model_version: Mapped[str | None] = mapped_column(String(100))
    calls: Mapped[str] = mapped_column(Text)
    output: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
    fallback_used: Mapped[bool]
    started_ms: Mapped[float]
    duration_ms: Mapped[float]
    carried_from: Mapped[str | None] = mapped_column(ID)


engine = create_engine(os.environ["PEER_DATABASE_URL"])


def _configure(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


if engine.dialect.name == "sqlite":
    event.listen(engine, "connect", _configure)

if os.environ.get("PEER_CREATE"):  # only in the warm-up: measured processes find the schema
    Base.metadata.create_all(engine)

app = FastAPI()


@app.post("/v1/use-cases/bench/decisions")
def decide(request: Request) -> Envelope:
    """One stored decision, in the thread pool."""
    return _decide(request)


@app.post("/v1/use-cases/bench-async/decisions")
async def decide_async(request: Request) -> Envelope:
    """One stored decision, on the event loop."""
    return _decide(request)


handler = Mangum(app, lifespan="off")


def _decide(request: Request) -> Envelope:
    began, now = perf_counter(), datetime.now(UTC)
    results, started = {}, {}
    for name, model in MODELS.items():
        before = perf_counter()
        results[name] = model(request)
        started[name] = (_ms(before - began), _ms(perf_counter() - before))
    decision = _logic(results, request.city)
    made = Envelope(
        id=str(uuid7()), use_case="bench", version=VERSION, status="decided", decision=decision, created_at=now
    )
    _store(made, request, results, started, _ms(perf_counter() - began))
    return made


MODELS = {
    "credit": lambda request: request.score,
    "maturity": lambda request: request.age,
    "place": lambda request: request.city,
}


def _logic(results: dict[str, Any], city: str) -> Decision:
    risk = 1 - results["credit"] if results["maturity"] >= 18 else 1.0
    known = results["place"] == city
    reasons: list[Literal["risk", "place"]] = ["risk"] if risk >= RISK_REVIEW else []
    if not known:
        reasons = [*reasons, "place"]
    outcome: Literal["approve", "review", "reject"] = "review" if reasons else "approve"
    return Decision(outcome="reject" if risk >= RISK_REJECT else outcome, reasons=reasons)


def _store(
    made: Envelope, request: Request, results: dict[str, Any], started: dict[str, Any], duration_ms: float
) -> None:
    record = request.model_dump_json()
    row = DecisionRow(
        id=made.id,
        use_case=made.use_case,
        version=made.version,
        stage="local",
        client="local",
        subject=request.user_id,
        status=made.status,
        outcome=made.decision.outcome,
        request=record,
        decision=made.decision.model_dump_json(),
        degraded="[]",
        timings=json.dumps(started),
        duration_ms=duration_ms,
        created_at=made.created_at,
    )
    with Session(engine, expire_on_commit=False) as session:
        session.add(row)
        session.add_all(_result(made.id, name, value, *started[name]) for name, value in results.items())
        session.commit()


def _result(decision_id: str, task: str, value: Any, started_ms: float, duration_ms: float) -> ResultRow:
    output = json.dumps(value)
    return ResultRow(
        decision_id=decision_id,
        task=task,
        fact_key=hashlib.sha256(f"{task}\0{output}".encode()).hexdigest(),
        calls="[]",
        output=output,
        fallback_used=False,
        started_ms=started_ms,
        duration_ms=duration_ms,
    )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
