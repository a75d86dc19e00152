"""A million decisions, made by the database itself: 90 days, two use cases, ten thousand subjects, and their facts.

A decision in four has its four facts, which is what a minute is enough for. Times and ids are as the service makes
them; PostgreSQL has partitions for the months.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from chalicelib.store.database import Database, open_engine
from workbench.retention.partitions import ensure_partitions

COUNT, DAYS, SUBJECTS, WITH_FACTS = 1_000_000, 90, 9_973, 4
STEP = DAYS * 86_400_000 // COUNT  # ms from one decision to the next
REFUNDS = "refund_check"

DECISIONS = """
INSERT INTO decisions (id, use_case, version, stage, client, subject, status, outcome, request, decision, degraded,
                       failure, timings, duration_ms, created_at, salt, forgotten_at)
{numbers}
SELECT {id}, CASE WHEN n % 10 = 1 THEN 'photo_review' ELSE 'refund_check' END, '9f2c41d07be83a56', 'local', 'shop',
       '회원-' || (n * 7919 % {subjects}), 'decided',
       CASE n % 20 WHEN 7 THEN 'reject' WHEN 9 THEN 'review' ELSE 'approve' END,
       '{{"user_id":"회원-' || n || '","city":"서울","age":31,"score":0.72,"tags":["new","web"]}}',
       '{{"outcome":"approve","reasons":[]}}', '[]', NULL,
       '{{"task_0":[0.1,81.2],"task_1":[0.1,64.9],"task_2":[0.2,70.3],"task_3":[0.2,12.5],"decide":[81.4,0.1]}}',
       83.2, {at}, NULL, NULL
FROM numbers
"""
FACTS = """
INSERT INTO task_results (decision_id, task, fact_key, provider, model, model_version, calls, output, error,
                          fallback_used, started_ms, duration_ms, carried_from)
{numbers}
SELECT {id}, 'task_' || task, 'f00d2c41d07be83a56f00d2c41d07be83a56f00d2c41d07be83a56f00d2c41d0', 'rekognition',
       'DetectText', '3.0',
       '[{{"capability":"text","model":"DetectText","ms":80.1,"provider":"rekognition","version":"3.0"}}]',
       '{{"lines":[{{"text":"사진 속의 글","score":0.98}}]}}', NULL, {no}, 0.1, 81.2, NULL
FROM numbers CROSS JOIN (SELECT 0 AS task UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3) AS tasks
WHERE n % {with_facts} = 0
"""
SQLITE = {
    "numbers": "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})",
    "id": "printf('%08x-%04x-7000-8000-%012x', ({ms}) >> 16, ({ms}) & 65535, n)",
    "at": "strftime('%Y-%m-%d %H:%M:%f000', ({ms}) / 1000.0, 'unixepoch')",
    "no": "0",
}
POSTGRES = {
    "numbers": "WITH numbers AS (SELECT generate_series(0, {last}::bigint) AS n)",
    "id": "(lpad(to_hex({ms}), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid",
    "at": "to_timestamp(({ms}) / 1000.0)",
    "no": "false",
}


@dataclass(frozen=True, slots=True)
class Million:
    """A filled database. ``ids``: of some decisions that have facts, and others before them."""

    database: Database
    began: datetime
    ids: list[str]

    @property
    def ended(self) -> datetime:
        return self.began + timedelta(days=DAYS)


@contextmanager
def million(url: str) -> Iterator[Million]:
    """Fills an empty database; on PostgreSQL one that is migrated."""
    database = Database(url)
    try:
        began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=DAYS)
        database.prepare()
        if database.dialect.name == "postgresql":
            for days in range(0, DAYS + 30, 28):
                ensure_partitions(database.engine, began + timedelta(days=days))
        _fill(url, began)
        yield Million(database, began, [_id(began, number) for number in range(COUNT // 10, COUNT, 1000)])
    finally:
        database.close()


def _fill(url: str, began: datetime) -> None:
    engine = open_engine(url, patient=True)
    form = SQLITE if engine.dialect.name == "sqlite" else POSTGRES
    ms = f"{int(began.timestamp() * 1000)} + n * {STEP}"
    parts = {name: text.format(last=COUNT - 1, ms=ms) for name, text in form.items()}
    driver: Any = engine.raw_connection()
    cursor = driver.cursor()
    for statement in _settings(engine):
        cursor.execute(statement)
    for sql in (DECISIONS, FACTS):
        cursor.execute(sql.format(**parts, subjects=SUBJECTS, with_facts=WITH_FACTS))
        driver.commit()
    for table in ("decisions", "task_results"):
        cursor.execute(f"ANALYZE {table}")
    driver.commit()
    driver.close()
    engine.dispose()


def _settings(engine: Engine) -> list[str]:
    """No foreign key is looked at: what refers is made from the same numbers."""
    if engine.dialect.name == "sqlite":
        return ["PRAGMA foreign_keys=OFF", "PRAGMA cache_size=-200000", "BEGIN IMMEDIATE"]
    return ["SET session_replication_role = replica"]


def _id(began: datetime, number: int) -> str:
    ms = int(began.timestamp() * 1000) + number * STEP
    return f"{ms >> 16:08x}-{ms & 65535:04x}-7000-8000-{number:012x}"
