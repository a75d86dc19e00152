"""Replay: stored photo reviews decided again, in a process of its own each time.

The peer is its service's handler, called for each decision: what there is where nothing is recorded. The limit is the
bare loop over the steps, with everything in memory already.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import databases, projects, warm
from benchmarks.measure import Result, Series
from benchmarks.projects import ROOT, NotMeasured, folder
from benchmarks.reviews import fill

COUNT, MANY, FEW, ROUNDS = 100_000, 1_000_000, 1_000, 3
DISTINCT = 20_000  # of the million: it is for memory alone
PEER = "FastAPI's handler, each"
FASTEST = 1 / 15_000  # seconds for a decision
SAME_MEMORY = 1.2


def run() -> Iterator[Result]:
    """Everything; about five minutes."""
    with folder() as base, databases.server() as uri:
        _, peer = projects.sides(base)
        _, handler = warm.in_turn(peer, peer)
        places = {"SQLite": f"sqlite:///{base}/reviews.db", "PostgreSQL": databases.migrated(uri, "reviews")}
        for where, url in places.items():
            fill(url, COUNT)
            yield Result(f"replay, {where}, one core", _timed(url), PEER, handler, "µs", limit=FASTEST)
        yield _limit(places["SQLite"])
        alone, both = _timed(places["SQLite"]), _timed(places["SQLite"], "2")
        yield Result("replay, SQLite, two workers", both, "one", alone, "µs")
        yield _memory(base)


def _timed(url: str, workers: str = "1") -> Series:
    """Seconds for each decision, several times."""
    return Series(tuple(_child(COUNT, "replay", url, workers)["seconds"] / COUNT for _ in range(ROUNDS)))


def _limit(url: str) -> Result:
    bare = Series(tuple(_child(COUNT, "bare", url)["seconds"] / COUNT for _ in range(ROUNDS)))
    return Result("replay, SQLite, one core", _timed(url), "the bare loop", bare, "µs")


def _memory(base: Path) -> Result:
    """The most that a process held, of a thousand decisions and of a million."""
    few, many = f"sqlite:///{base}/few.db", f"sqlite:///{base}/many.db"
    fill(few, FEW)
    fill(many, DISTINCT, MANY // DISTINCT)
    held = [Series((_child(count, "replay", url)["bytes"],)) for url, count in ((many, MANY), (few, FEW))]
    return Result(f"memory, replay of {MANY:,}", held[0], f"of {FEW:,}", held[1], "MB", ratio_limit=SAME_MEMORY)


def _child(count: int, *arguments: str) -> dict[str, float]:
    said = projects.run(ROOT, sys.executable, "-m", "benchmarks.replay_child", *arguments)
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    if found["decisions"] != count:
        raise NotMeasured(f"{found['decisions']} of {count} decisions were replayed")
    return found
