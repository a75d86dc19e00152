"""Rows for the store: a decision with its facts, as the service writes them."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from uuid6 import uuid7

from chalicelib.rows import Record
from chalicelib.store.alert_tables import alerts
from chalicelib.store.challenger_tables import challenger_decisions, challenger_runs
from chalicelib.store.tables import metadata

FACTS = 3


def decision(created_at: datetime | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "use_case": "refund_check",
        "version": "0123456789abcdef",
        "stage": "local",
        "client": "local",
        "subject": "회원-1",
        "status": "decided",
        "outcome": "pay",
        "request": '{"user_id":"회원-1"}',
        "decision": '{"outcome":"pay"}',
        "degraded": "[]",
        "failure": None,
        "timings": '{"a":[0.1,0.2]}',
        "duration_ms": 1.5,
        "created_at": created_at or datetime.now(UTC),
        "salt": None,
        "forgotten_at": None,
        **changes,
    }


def facts(decision_id: str, count: int = FACTS) -> list[dict[str, Any]]:
    return [
        {
            "decision_id": decision_id,
            "task": f"task_{number}",
            "fact_key": "f" * 64,
            "provider": None,
            "model": None,
            "model_version": None,
            "calls": "[]",
            "output": '{"text":"사실"}',
            "error": None,
            "fallback_used": False,
            "started_ms": float(count - number),
            "duration_ms": 0.5,
            "carried_from": None,
        }
        for number in range(count)
    ]


def whole(row: dict[str, Any], count: int = FACTS) -> Record:
    """A decision with its facts, as it is saved."""
    return Record(row, facts(row["id"], count))


def ask(database: str | Path, *queries: str) -> list[list[Any]]:
    """The first column of each query's rows, read without our code: of a SQLite file, or of a URL."""
    if str(database).startswith("postgresql"):
        with psycopg.connect(str(database)) as connection:
            return [[str(row[0]) for row in connection.execute(query)] for query in queries]  # type: ignore[call-overload]
    reader = sqlite3.connect(str(database).removeprefix("sqlite:///"))
    try:
        return [[str(row[0]) for row in reader.execute(query)] for query in queries]
    finally:
        reader.close()


def half_written(database: str | Path) -> dict[str, Any]:
    """What a database holds that no transaction may leave: nothing, when all is well."""
    is_file = not str(database).startswith("postgresql")
    orphans = "SELECT count(*) FROM task_results WHERE decision_id NOT IN (SELECT id FROM decisions)"
    uneven = f"""
        SELECT count(*) FROM decisions
        WHERE (SELECT count(*) FROM task_results WHERE decision_id = decisions.id) != {FACTS}
    """
    integrity = "PRAGMA integrity_check" if is_file else "SELECT 'ok'"
    names = ("integrity", "facts without decision", "decisions without their facts")
    found = dict(zip(names, ask(database, integrity, orphans, uneven), strict=True))
    return {name: value for name, value in found.items() if value not in (["0"], ["ok"])}


def ids(database: str | Path) -> set[str]:
    (found,) = ask(database, "SELECT id FROM decisions")
    return set(found)


TABLES = {*metadata.tables, challenger_decisions.name, challenger_runs.name, alerts.name, "alembic_version"}


def tables(database: Path) -> set[str]:
    """All tables, or none: a schema is not half made either."""
    if not database.is_file():
        return set()
    connection = sqlite3.connect(database)
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    assert found in (set(), TABLES), found
    return found
