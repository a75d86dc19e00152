"""Tens of thousands of decisions, or a million: made by the database itself, at regular times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chalicelib.store.database import Database

DAYS = 90  # over which decisions are spread, from half a month ago: over PostgreSQL's default partition and named ones
BEGIN = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=15)
USE_CASES = ("refund_check", "photo_review", "rare_check")  # 90 %, 10 %, and one in a thousand
OUTCOMES = ("approve", "review", "reject")
CHUNK = 20_000  # rows in one statement: none may take longer than a few seconds
SUBJECTS = 997  # beside one with a fifth of all decisions

# n: the number of a row; ms: its time. `n % 7919` is spread over the subjects, so that none stands in a row.
ROWS = """
INSERT INTO decisions (id, use_case, version, stage, client, subject, status, outcome, request, decision, degraded,
                       failure, timings, duration_ms, created_at, salt, forgotten_at)
{numbers}
SELECT {id},
       CASE WHEN n % 1000 = 0 THEN 'rare_check' WHEN n % 10 = 1 THEN 'photo_review' ELSE 'refund_check' END,
       'v1', 'local', 'c', '회원-' || CASE WHEN n % 5 = 2 THEN '단골' ELSE '' || (n * 7919 % {subjects}) END,
       CASE WHEN n % 50 = 3 THEN 'failed' WHEN n % 100 = 5 THEN 'forgotten' ELSE 'decided' END,
       CASE WHEN n % 50 = 3 THEN NULL WHEN n % 20 = 7 THEN 'reject' WHEN n % 20 = 9 THEN 'review' ELSE 'approve' END,
       '{{}}', '{{"outcome":"approve"}}', '[]', NULL, '{{}}', 1.5, {at}, NULL, NULL
FROM numbers
"""
SQLITE = {
    "numbers": "WITH RECURSIVE numbers(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM numbers WHERE n < {last})",
    "id": "printf('%08x-%04x-7000-8000-%012x', ({ms}) >> 16, ({ms}) & 65535, n)",
    "at": "strftime('%Y-%m-%d %H:%M:%f000', {seconds} + n * {step}, 'unixepoch')",
}
POSTGRES = {
    "numbers": "WITH numbers AS (SELECT generate_series({first}::bigint, {last}::bigint) AS n)",
    "id": "(lpad(to_hex({ms}), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid",
    "at": "to_timestamp({seconds} + n * {step})",
}

LABELS = """
INSERT INTO labels (id, decision_id, outcome, who, reason, client, created_at)
SELECT id, id, 'reject', '김민지', NULL, 'import', created_at FROM decisions ORDER BY id DESC LIMIT 5000
"""


def fill(database: Database, count: int) -> timedelta:
    """``count`` decisions, the first at ``BEGIN``. Returns the time from one to the next."""
    seconds, step = int(BEGIN.timestamp()), DAYS * 86400 // count
    is_sqlite = database.dialect.name == "sqlite"
    ms = f"({seconds} + n * {step}) * 1000"
    form = SQLITE if is_sqlite else POSTGRES
    for first in range(0, count, CHUNK):
        span = {"first": first, "last": min(first + CHUNK, count) - 1}
        parts = {name: text.format(**span, ms=ms, seconds=seconds, step=step) for name, text in form.items()}
        sql = ROWS.format(subjects=SUBJECTS, **parts)
        with database.begin() as connection:
            connection.exec_driver_sql(sql if is_sqlite else sql.replace("%", "%%"))
    if not is_sqlite:
        with database.begin() as connection:
            connection.exec_driver_sql("ANALYZE decisions")
    return timedelta(seconds=step)


def label_all(database: Database) -> None:
    """A label for each of the newest decisions, under the same id."""
    with database.begin() as connection:
        connection.exec_driver_sql(LABELS)
        connection.exec_driver_sql("ANALYZE labels") if database.dialect.name == "postgresql" else None
