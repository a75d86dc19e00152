"""The peer's ranking: the use case's own functions on FastAPI, Mangum and the ORM, one after the other.

It validates the same request, runs the same steps, asks the same model file, and stores request, task results
and decision in one commit. It has no threads, no facts read back, no keys, and its request lies in the row.
"""

from __future__ import annotations

import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from fastapi import Request as Asked
from fastapi.responses import Response
from peer import VERSION, DecisionRow, Session, _ms, _result, app, engine, handler
from pydantic import TypeAdapter
from uuid6 import uuid7

from chalicelib.history import History
from chalicelib.models import Prediction
from chalicelib.usecase import load

__all__ = ["handler"]

NAME = "match_recommendation"
ranking = load(NAME, Path(os.environ["PEER_MODULE"]))
model = json.loads(Path(os.environ["PEER_MODEL"]).read_text("utf-8"))


class Weights:
    """The model file, and nothing else: what a task calls ``models``."""

    def predict(self, name: str, items: list[dict[str, float]]) -> list[Prediction]:
        return [self._predict(item) for item in items]

    def _predict(self, item: dict[str, float]) -> Prediction:
        total = model["intercept"] + sum(weight * item[name] for name, weight in model["coefficients"].items())
        likes = round(1 / (1 + math.exp(-total)), 9)
        scores = dict(zip(model["classes"], (round(1 - likes, 9), likes), strict=True))
        return Prediction(value=max(scores, key=lambda name: scores[name]), scores=scores)


@app.post("/v1/use-cases/match-recommendation/decisions")
async def rank(asked: Asked) -> Response:
    """One stored ranking."""
    began, now = perf_counter(), datetime.now(UTC)
    request = ranking.request_model.model_validate_json(await asked.body(), strict=True, extra="forbid")
    known: dict[str, Any] = {"request": request, "now": now, "models": Weights(), "history": History.of()}
    results, started = {}, {}
    for step in ranking.graph.steps:
        before = perf_counter()
        arguments = [known[need] if need in known else getattr(request, need) for need in step.needs]
        known[step.name] = step.function(*arguments)
        if step.task:
            results[step.name] = TypeAdapter(type(known[step.name])).dump_python(known[step.name], mode="json")
            started[step.name] = (_ms(before - began), _ms(perf_counter() - before))
    made = {"id": str(uuid7()), "use_case": NAME, "version": VERSION, "status": "decided", "degraded": []}
    decision = known["decide"].model_dump_json()
    _store(made, request.model_dump_json(), decision, now, results, started, _ms(perf_counter() - began))
    head = json.dumps(made | {"created_at": now.isoformat()}, separators=(",", ":"))
    return Response(f'{head[:-1]},"decision":{decision}}}', media_type="application/json")


def _store(
    made: dict[str, Any],
    request: str,
    decision: str,
    now: datetime,
    results: dict[str, Any],
    started: dict[str, Any],
    duration_ms: float,
) -> None:
    row = DecisionRow(
        id=made["id"],
        use_case=NAME,
        version=VERSION,
        stage="local",
        client="local",
        status="decided",
        request=request,
        decision=decision,
        degraded="[]",
        timings=json.dumps(started),
        duration_ms=duration_ms,
        created_at=now,
    )
    with Session(engine, expire_on_commit=False) as session:
        session.add(row)
        session.add_all(_result(made["id"], name, value, *started[name]) for name, value in results.items())
        session.commit()
