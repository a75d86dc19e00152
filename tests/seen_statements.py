"""What a store sends to its database, seen at the driver: statements, commits and round trips."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from sqlalchemy import event

from chalicelib.store.database import Database

WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Seen:
    """``streams``: for each connection, its statements in order. ``round_trips``: of PostgreSQL's protocol."""

    streams: list[list[str]] = field(default_factory=list)
    round_trips: int = 0

    @property
    def commits(self) -> list[list[str]]:
        """Each commit that changed something: the tables that it wrote to, in order, however many rows at once."""
        return [tables for stream in self.streams for tables in _commits(stream)]


@contextmanager
def seen(database: Database) -> Iterator[Seen]:
    """Filled when the block ends. Connections are opened anew."""
    database.prepare()
    database.engine.dispose()
    found = Seen()
    traces: list[IO[str]] = []

    def watch(connection: Any, _record: Any) -> None:
        if database.dialect.name == "sqlite":
            stream: list[str] = []
            found.streams.append(stream)
            connection.set_trace_callback(stream.append)
            return
        traces.append(_traced(connection))

    event.listen(database.engine, "connect", watch)
    try:
        yield found
    finally:
        event.remove(database.engine, "connect", watch)
        database.engine.dispose()
        for trace in traces:
            _read(trace, found)


def _traced(connection: Any) -> IO[str]:
    """A file that libpq writes every message to."""
    trace = TemporaryFile("w+")  # noqa: SIM115  libpq writes to it until the connection is closed
    connection.pgconn.trace(trace.fileno())
    connection.pgconn.set_trace_flags(1)  # without times
    return trace


def _read(trace: IO[str], found: Seen) -> None:
    """A message's line: who sent it (F: we, B: the server), its length, its name, its content."""
    with Path(f"/proc/self/fd/{trace.fileno()}").open() as lines:
        content = lines.read()
    trace.close()
    messages = re.split(r"^(?=[FB]\t)", content, flags=re.MULTILINE)[1:]
    found.streams.append([one.split('"')[3] for one in messages if one.startswith("F") and "\tParse\t" in one])
    found.round_trips += sum(a[0] == "F" and b[0] == "B" for a, b in pairwise(messages))


def _commits(stream: list[str]) -> Iterator[list[str]]:
    within, tables = False, list[str]()
    for statement in stream:
        word = statement.split()[0]
        if word == "BEGIN":
            within, tables = True, []
        elif word in WRITES and (table := _table(statement)) not in tables[-1:]:
            tables.append(table)
        if tables and (word == "COMMIT" or not within):
            yield tables
        if word in ("COMMIT", "ROLLBACK") or not within:
            within, tables = False, []


def _table(statement: str) -> str:
    match = re.match(r"(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", statement)
    assert match, statement
    return match[1]
