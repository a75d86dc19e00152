"""A process that replays once: `python -m benchmarks.replay_child replay|bare URL [WORKERS]`. Prints JSON."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from chalicelib import intake
from workbench.project import Project
from workbench.replaying.past import pages
from workbench.replaying.run import Asked, Replay
from workbench.replaying.work import reader

NAME = "profile_photo_review"
CHANGED = {"nudity_reject": 0.75}


def _asked(workers: int) -> Asked:
    until = datetime.now(UTC)
    return Asked(NAME, until - timedelta(days=60), until, settings=CHANGED, workers=workers)


def replay(url: str, workers: int) -> tuple[float, int]:
    """Seconds and decisions, from the first question to the report; the notebook is read and loaded before."""
    made = Replay(Project.find(), url, _asked(workers))
    began = perf_counter()
    report = made.report()
    took = perf_counter() - began
    assert report.tally.replayed == report.tally.read and report.tally.flips > 0
    return took, report.tally.replayed


def bare(url: str) -> tuple[float, int]:
    """A plain loop over the steps, by the names of their arguments: nothing is read, decoded, written or counted."""
    made = Replay(Project.find(), url, _asked(1))
    graph = made.usecase.graph
    known = [_known(made.usecase, past) for page in pages(reader(url), made.window) for past in page]
    steps = [(step.name, step.function, step.needs) for step in graph.steps if not step.task]
    began = perf_counter()
    for values in known:
        for name, function, needs in steps:
            values[name] = function(*[values[need] for need in needs])
    return perf_counter() - began, len(known)


def _known(usecase: Any, past: Any) -> dict[str, Any]:
    request = intake.unseal(usecase.request_model, past.request)
    facts = {task: usecase.graph.by_name[task].codec.decode(fact.output) for task, fact in past.facts.items()}
    return {**{name: getattr(request, name) for name in type(request).model_fields}, **facts, "now": past.now}


def _held() -> int:
    """The most bytes of memory that this process held: getrusage would tell those of the one that started it, too."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text("ascii"))
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    mode, address, *more = sys.argv[1:]
    seconds, count = bare(address) if mode == "bare" else replay(address, int(more[0]) if more else 1)
    print(json.dumps({"seconds": seconds, "decisions": count, "bytes": _held()}))
