"""The store: a decision stored warm, on both databases; what is found among a million; what it costs to import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import databases, imports, queries, warm
from benchmarks.measure import Result, Series
from benchmarks.million import million
from benchmarks.projects import folder, sides

PEER = "FastAPI + Mangum + ORM"


def run() -> Iterator[Result]:
    """Everything; about four minutes."""
    with folder() as base, databases.server() as uri:
        ours, peer = sides(base)
        yield _stored("SQLite", *warm.in_turn(ours, peer))
        on_postgres = ours.on(databases.migrated(uri, "ours")), peer.on(databases.empty(uri, "peer"))
        yield _stored("PostgreSQL", *warm.in_turn(*on_postgres))
        yield from imports.measured("SQLite", ours, peer)
        yield from imports.measured("PostgreSQL", *on_postgres)
        yield from _found(base, uri)


def _stored(where: str, us: Series, them: Series) -> Result:
    return Result(f"{where}, stored decision", us, PEER, them, "µs", ratio_limit=0.4)


def _found(base: Path, uri: str) -> Iterator[Result]:
    places = {"SQLite": f"sqlite:///{base}/million.db", "PostgreSQL": databases.migrated(uri, "million")}
    for where, url in places.items():
        with million(url) as filled:
            yield from queries.measured(where, url, filled)
