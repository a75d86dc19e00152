"""What must hold of a store in trouble: what the caller gets, what stands in the database, what nobody may read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, text
from store_project import PATH, TASKS, Shop

from tests.api.api_client import Reply

SUBJECT = "회원-7f3a"  # whose data must stand in no answer and no log
NOWHERE = "/v1/decisions/01a20901-1225-7b1d-a4ef-1cbad7369f76"
ASKED = {"user_id": SUBJECT, "note": "비밀 메모 7f3a"}
INNER = ("planted-password", SUBJECT, "비밀 메모", "sqlite3.", "psycopg", "INSERT", "SELECT", "Traceback")
LOGGED = ("planted-password", SUBJECT, "비밀 메모")


@dataclass
class Watch:
    """How long the answers took that said that the store cannot be used."""

    took: list[float] = field(default_factory=list)

    def unavailable(self, ask: Callable[[], Reply], most: float) -> Reply:
        """The answer, which must be a 503 problem with Retry-After within ``most`` seconds."""
        started = perf_counter()
        reply = ask()
        self.took.append(perf_counter() - started)
        reply.problem(503, "store-unavailable")
        assert int(reply.headers["retry-after"]) > 0
        assert not [inner for inner in INNER if inner in reply.content.decode()], reply.content
        assert self.took[-1] < most, f"it took {self.took[-1]:.1f} s"
        return reply


@contextmanager
def down(shop: Shop, made: Reply, most: float, reading: bool = False) -> Iterator[Watch]:
    """The store is in trouble inside: what is asked is unavailable, and nothing else is harmed.

    Args:
        made: a decision that was stored before.
        reading: what is stored can be read all the same.
    """
    watch = Watch()
    watch.unavailable(lambda: shop.api.decide("paid-twice", ASKED), most)
    if reading:
        assert shop.api.get(made.headers["location"]).content == made.content
        assert shop.api.get(NOWHERE).status == 404
    else:
        watch.unavailable(lambda: shop.api.get(made.headers["location"]), most)
        watch.unavailable(lambda: shop.api.get("/ready"), most)
    started = perf_counter()
    assert shop.api.get("/health").status == 200
    assert shop.api.get("/v1/use-cases").status == 200
    assert perf_counter() - started < 2
    yield watch


def works(shop: Shop) -> Reply:
    """A decision is made and can be read."""
    reply = shop.api.decide("paid-twice", ASKED)
    assert reply.status == 200, reply.content
    read = shop.api.get(reply.headers["location"])
    assert (read.status, read.content) == (200, reply.content)
    assert shop.api.get("/ready").status == 200
    return reply


@cache
def _engine(url: str) -> Engine:
    psycopg = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(psycopg, poolclass=NullPool, isolation_level="AUTOCOMMIT")


def rows(url: str, query: str, **parameters: Any) -> list[Any]:
    """Read without our code, on a new connection."""
    with _engine(url).connect() as connection:
        return list(connection.execute(text(query), parameters))


def whole(url: str, later_than: str = "00000000-0000-0000-0000-000000000000") -> dict[str, str]:
    """Id -> user of all decisions that are later. Each must have its facts, and each fact its decision."""
    facts: dict[str, list[str]] = {}
    query = "SELECT decision_id, task FROM task_results WHERE decision_id > :id ORDER BY task"
    for decision_id, task in rows(url, query, id=later_than):
        facts.setdefault(str(decision_id), []).append(task)
    found = rows(url, "SELECT id, status, subject FROM decisions WHERE id > :id", id=later_than)
    status = {str(row.id): row.status for row in found}
    assert facts.keys() <= status.keys()
    uneven = [key for key, value in status.items() if value == "decided" and facts.get(key) != list(TASKS)]
    assert uneven == []
    return {str(row.id): row.subject for row in found}


def claims(url: str, key: str = "%") -> dict[str, tuple[str, str, int]]:
    """Key -> (state, decision id, facts that wait for it). Each is done if, and only if, its decision stands there."""
    query = """
        SELECT i.key, i.state, i.decision_id, d.status,
               (SELECT count(*) FROM claimed_facts f WHERE f.claim = i.claim) AS waiting
        FROM idempotency i LEFT JOIN decisions d ON d.id = i.decision_id
        WHERE i.key LIKE :key
        ORDER BY i.created_at
    """
    found = rows(url, query, key=key)
    for row in found:
        assert (row.state == "done") == (row.status == "decided"), row
        assert not (row.state == "done" and row.waiting), row
    return {row.key: (row.state, str(row.decision_id), row.waiting) for row in found}


def asked_again(shop: Shop, url: str, user: str, key: str) -> str:
    """The id of the one decision that this key gets; what was paid for and kept is not paid for again."""
    there, paid = claims(url, key).get(key), shop.counted.calls()
    query = "SELECT f.task FROM claimed_facts f JOIN idempotency i ON i.claim = f.claim WHERE i.key = :key"
    kept = {row.task for row in rows(url, query, key=key)} if there and there[0] != "done" else set(TASKS)
    reply = shop.api.post(PATH, json.dumps({"user_id": user}), **{"Idempotency-Key": key})
    assert reply.status == 200, (there, reply.content)
    decision_id: str = reply.json["id"]
    if there and there[0] == "done":
        assert (reply.headers["idempotency-replayed"], decision_id) == ("true", there[1])
    more = shop.counted.calls() - paid
    allowed = set(TASKS) - kept if there else set(TASKS)
    assert set(more) <= {(task, user) for task in allowed}
    assert all(count == 1 for count in more.values())
    assert claims(url, key)[key] == ("done", decision_id, 0)
    return decision_id


def time_is_up(url: str) -> None:
    """Every owner of a claim is past its time, as it would be by itself a few seconds after the deadline."""
    rows(url, "UPDATE idempotency SET owned_until = '2020-01-01 00:00:00.000000' RETURNING 1")
