"""The engine's own cost: waiting for tasks, running plain steps, handing work to threads."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.measure import Result, Series, alternate
from benchmarks.projects import folder
from chalicelib import intake
from chalicelib.engine import Engine
from chalicelib.models import Models
from chalicelib.photo import PhotoPolicy
from chalicelib.run import Run
from chalicelib.usecase import UseCase, load

HEAD = """
import time
from typing import Literal
from pydantic import BaseModel
from chalicelib.usecase import Subject, task

class Request(BaseModel):
    user_id: Subject
    score: float

class Decision(BaseModel):
    outcome: Literal["approve", "reject"]
"""
SLEEPING = """
@task
def first(score) -> float:
    time.sleep(0.1)
    return score

@task
def second(score) -> float:
    time.sleep(0.1)
    return score

@task
def third(score) -> float:
    time.sleep(0.1)
    return score

@task
def after(first, second, third) -> float:
    time.sleep(0.1)
    return first + second + third

def decide(after) -> Decision:
    return Decision(outcome="reject" if after > 2 else "approve")
"""
PLAIN = """
def double(score: float) -> float:
    return score * 2

def half(score: float) -> float:
    return score / 2

def total(double: float, half: float) -> float:
    return double + half

def high(total: float) -> bool:
    return total > 2

def low(total: float) -> bool:
    return total < 0

def decide(high: bool, low: bool) -> Decision:
    return Decision(outcome="reject" if high or low else "approve")
"""
IDLE = SLEEPING.replace("    time.sleep(0.1)\n", "").replace("@task\ndef after", "def after")
BODY = b'{"user_id": "u-1042", "score": 0.25}'
ROUNDS, BLOCK = 40, 100


def run() -> Iterator[Result]:
    """Three comparisons: with the clock, with calls by hand, with the standard library's thread pool."""
    with folder() as base:
        yield _sleeping(base)
        yield _plain(base)
        yield _idle(base)


def _sleeping(base: Path) -> Result:
    decide, _ = _case(base, "sleeping", SLEEPING)
    decide()
    (taken,) = alternate(15, lambda: _time(decide, 1))
    clock = Series((0.2,))
    return Result("3 tasks of 100 ms, then 1", Series(tuple(taken)), "the sleeping alone", clock, limit=0.203)


def _plain(base: Path) -> Result:
    decide, steps = _case(base, "plain", PLAIN)

    def by_hand() -> Any:
        total = steps["total"](steps["double"](0.25), steps["half"](0.25))
        return steps["decide"](steps["high"](total), steps["low"](total))

    ours, peer = _blocks(decide, by_hand)
    return Result("5 plain steps and decide", ours, "calls by hand", peer, "µs", limit=20e-6)


def _idle(base: Path) -> Result:
    decide, steps = _case(base, "idle", IDLE)
    tasks = [steps[name] for name in ("first", "second", "third")]
    with ThreadPoolExecutor(3) as pool:

        def by_pool() -> Any:
            futures = [pool.submit(task, 0.25) for task in tasks]
            return steps["decide"](steps["after"](*(future.result() for future in futures)))

        ours, peer = _blocks(decide, by_pool)
    return Result("3 idle tasks in threads", ours, "ThreadPoolExecutor", peer, "µs")


def _case(base: Path, name: str, code: str) -> tuple[Callable[[], Run], dict[str, Any]]:
    """A use case's run in the engine, and its functions for calling by hand."""
    path = base / f"{name}.py"
    path.write_text(HEAD + code)
    usecase = load(name, path)
    request = intake.read(usecase.request_model, BODY, PhotoPolicy())
    engine, now = Engine(models=lambda asking, ledger: Models(_nobody)), datetime.now(UTC)

    def decide() -> Run:
        return engine.run(usecase, request, now, 25.0)

    assert decide().decision == '{"outcome":"approve"}'
    return decide, _functions(usecase, path)


def _functions(usecase: UseCase, path: Path) -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location(usecase.name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def _nobody(question: Any) -> Any:
    raise LookupError(question)


def _blocks(ours: Callable[[], Any], peer: Callable[[], Any]) -> tuple[Series, Series]:
    for side in (ours, peer):
        _time(side, BLOCK)
    first, second = alternate(ROUNDS, lambda: _time(ours, BLOCK), lambda: _time(peer, BLOCK))
    return Series(tuple(first)), Series(tuple(second))


def _time(call: Callable[[], Any], count: int) -> float:
    """Seconds of one call, as the mean of ``count``."""
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count
