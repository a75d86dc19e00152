"""Cold start: from the start of a Python process to its first stored decision."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator

from benchmarks.measure import Result, Series, alternate
from benchmarks.projects import NotMeasured, Side, folder, sides

ROUNDS = 21


def run() -> Iterator[Result]:
    """Us and the peer, a fresh process each time; byte code and the schema are there already."""
    with folder() as base:
        ours, peer = sides(base)
        for side in (ours, peer):
            side.warm_up()
        taken = alternate(ROUNDS, lambda: first_decision(ours), lambda: first_decision(peer))
        first, second = (Series(tuple(values)) for values in taken)
        yield Result("cold start to first decision", first, "FastAPI + Mangum + ORM", second, ratio_limit=0.65)


def first_decision(side: Side) -> float:
    """Seconds from the start of the process to the answer."""
    started = time.monotonic()
    done = subprocess.run(side.command("cold"), cwd=side.project, env=side.environment(), capture_output=True)
    if done.returncode:
        raise NotMeasured(done.stderr.decode()[-2000:])
    return float(done.stdout) - started
