"""Warm: the time of one stored decision in a process that has already answered."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from benchmarks.measure import Result, Series, alternate
from benchmarks.projects import NotMeasured, Side, folder, sides

ROUNDS, BLOCK = 20, 200


def run() -> Iterator[Result]:
    """Us and the peer on SQLite; in a thread, as FastAPI runs blocking code, and on the event loop."""
    with folder() as base:
        ours, peer = sides(base)
        us, sync, loop = in_turn(ours, peer, peer.at("bench-async"))
        name = "warm, per stored decision"
        yield Result(name, us, "FastAPI + Mangum + ORM", sync, "µs", ratio_limit=0.35)
        yield Result(name, us, "… on the event loop", loop, "µs")


def in_turn(*asked: Side, block: int = BLOCK) -> list[Series]:
    """Blocks of so many requests in turn, one process per side: the seconds of each request."""
    for side in asked:
        side.warm_up()
    with ExitStack() as stack:
        processes = [stack.enter_context(Process(side, block)) for side in asked]
        for process in processes:
            process.block()
        taken = alternate(ROUNDS, *(process.block for process in processes))
    return [Series(tuple(value for block in blocks for value in block)) for blocks in taken]


class Process:
    """A process that answers blocks of requests when asked."""

    def __init__(self, side: Side, size: int) -> None:
        pipe, self.size = subprocess.PIPE, size
        self.process = subprocess.Popen(
            side.command("warm"), cwd=side.project, env=side.environment(), stdin=pipe, stdout=pipe, text=True
        )

    def block(self) -> list[float]:
        """Seconds of each request of one block."""
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(f"{self.size}\n")
            self.process.stdin.flush()
            return [value / 1e9 for value in json.loads(self.process.stdout.readline())]
        except (OSError, ValueError) as error:
            raise NotMeasured(f"a warm process ended: {error}") from error

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: Any) -> None:
        with self.process as process:
            if process.stdin:
                process.stdin.close()
