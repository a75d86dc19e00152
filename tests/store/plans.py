"""How the database finds rows: every statement that a call makes, and what the planner does with it.

found = statements(database, lambda: Listing(database).page("local", None, 50))
assert not [line for one in found for line in objections(database, one)]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import event

from chalicelib.store.database import Database

# PostgreSQL reads a partition without rows as a whole, at no cost. SQLite's SCAN along an index is a walk in its order.
SCANS = re.compile(r"Seq Scan (?!.*\(cost=0\.0\d\.\.0\.0\d )|^SCAN (?!.* USING (COVERING )?INDEX)")
SORTS = re.compile(r"Sort  \(.* rows=(\d+)|(USE TEMP B-TREE)")
FEW = 100  # rows: a subject's or a decision's own, found by their index, may be sorted


class Statement(NamedTuple):
    """SQL as the driver gets it, and its parameters."""

    sql: str
    parameters: Any


def statements(database: Database, call: Callable[[], Any]) -> list[Statement]:
    """What ``call`` makes the database read, in order."""
    found: list[Statement] = []

    def seen(_connection: Any, _cursor: Any, sql: str, parameters: Any, _context: Any, _many: bool) -> None:
        if sql.lstrip().upper().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
            found.append(Statement(sql, parameters))

    database.prepare()
    event.listen(database.engine, "before_cursor_execute", seen)
    try:
        call()
    finally:
        event.remove(database.engine, "before_cursor_execute", seen)
    return found


def plan(database: Database, statement: Statement) -> list[str]:
    """The lines of the plan, for these parameters."""
    explain = "EXPLAIN QUERY PLAN " if database.dialect.name == "sqlite" else "EXPLAIN "
    with database.read() as connection:
        rows = connection.exec_driver_sql(explain + statement.sql, statement.parameters).all()
    return [str(row[-1]) for row in rows]


def generic_plan(database: Database, statement: Statement) -> list[str]:
    """PostgreSQL's plan for any parameters, which it may keep for a statement that comes again and again."""
    numbers: dict[str, int] = {}
    sql = re.sub(r"%\((\w+)\)s", lambda name: f"${numbers.setdefault(name[1], len(numbers) + 1)}", statement.sql)
    with _raw(database) as cursor:
        cursor.execute("EXPLAIN (GENERIC_PLAN) " + sql)
        return [str(row[0]) for row in cursor.fetchall()]


def objections(database: Database, statement: Statement) -> list[str]:
    """Those of its plans that read a whole table, or sort more than a few rows; empty: it walks indexes only."""
    plans = [plan(database, statement)]
    if database.dialect.name == "postgresql":
        plans.append(generic_plan(database, statement))
    bad = [lines for lines in plans if any(map(_is_bad, lines))]
    return [f"{statement.sql}\n" + "\n".join(lines) for lines in bad]


def _is_bad(line: str) -> bool:
    sort = SORTS.search(line)
    return SCANS.search(line.strip(" ->")) is not None or (sort is not None and int(sort[1] or FEW + 1) > FEW)


@contextmanager
def _raw(database: Database) -> Iterator[Any]:
    connection = database.engine.raw_connection()
    try:
        yield connection.cursor()
    finally:
        connection.close()
