"""A transaction's statements to PostgreSQL, as libpq takes them: parameters are numbered, rows go in together.

The server parses and plans every statement that comes, so rows of one table are one statement; and psycopg need not
read it to find the names of its parameters, which takes it long where there are many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from psycopg import RawCursor

from chalicelib.store.statements import Batch, Insert, Statement

NAMED = re.compile(r"%\((\w+)\)s")
ROWS = 16  # in one statement: a text is kept for each number of them


@contextmanager
def pipelined(connection: Any) -> Iterator[Pipeline]:
    """A transaction from BEGIN to COMMIT; when this ends all of it was answered. What is raised leaves it open."""
    connection.autocommit = True  # else psycopg waits for the answers to a BEGIN and a COMMIT of its own
    with connection.pipeline():
        batch = Pipeline(connection)
        batch.cursor.execute("BEGIN")
        yield batch
        batch.cursor.execute("COMMIT")
    connection.autocommit = False


class Pipeline(Batch):
    """What a transaction consists of, sent when it ends, or when an answer is waited for."""

    __slots__ = ()

    def __init__(self, connection: Any) -> None:
        super().__init__(RawCursor(connection))

    def add(self, statement: Insert | Statement, *rows: dict[str, Any]) -> None:
        together = ROWS if isinstance(statement, Insert) else 1
        for start in range(0, len(rows), together):
            self._execute(statement, rows[start : start + together])

    def first(self, statement: Statement, values: dict[str, Any]) -> Any:
        self._execute(statement, (values,))
        return self.cursor.fetchone()

    def _execute(self, statement: Insert | Statement, rows: tuple[dict[str, Any], ...]) -> None:
        sql, names = _numbered(statement.sql, len(rows))
        self.cursor.execute(sql, [row[name] for row in map(statement.parameters, rows) for name in names])


@lru_cache(maxsize=256)
def _numbered(sql: str, rows: int) -> tuple[str, list[str]]:
    """The text for so many rows, with ``$1`` for names; and the names of one row's parameters, in order."""
    before, word, values = sql.partition(" VALUES ")
    values, _, after = values.partition(" ON CONFLICT ")
    text = before + word + ", ".join([values] * rows) + (f" ON CONFLICT {after}" if after else "")
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        names.append(found[1])
        return f"${len(names)}"

    return NAMED.sub(number, text), names[: len(names) // rows]
