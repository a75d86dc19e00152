"""The engine: runs a use case's graph for one request, and says everything that happened.

Tasks run in worker threads, in parallel, each under its timeout; plain steps run inline, as soon
as what they need is there. Failures are data: a task's becomes its fallback or the run's failure,
and what other tasks already found is kept either way. The result of every task is written as
JSON by its annotation, and each consumer gets a freshly read value.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any

from pydantic import BaseModel

from chalicelib.asking import Asking
from chalicelib.calling.ledger import Ledger
from chalicelib.errors import Unavailable
from chalicelib.facts import NotRecordable
from chalicelib.failures import describe_error, late
from chalicelib.graph import Step
from chalicelib.keys import digestible
from chalicelib.run import Fact, Failure, Intake, Run
from chalicelib.usecase import UseCase
from chalicelib.workers import Job, Workers

UNKEYED = frozenset({"models", "history"})


class Engine:
    """Runs use cases. One per process: its worker threads are shared by all requests.

    Args:
        models: makes the capabilities object that a task is given, from the occasion and the ledger of its calls.
    """

    def __init__(self, models: Callable[[Asking, Ledger], Any], workers: Workers | None = None) -> None:
        self.models = models
        self.workers = workers or Workers()

    def check(self) -> None:
        """Raises Unavailable when too many threads hang for a new decision to be started."""
        if self.workers.exhausted:
            raise Unavailable("too many tasks hang; no new decision is started", code="overloaded", retry_after=5)

    def run(self, usecase: UseCase, intake: Intake, now: datetime, deadline: float, decision_id: str = "") -> Run:
        """Decide. ``deadline`` is in seconds from now, for the whole; ``decision_id`` is what calls are noted under.

        Raises Unavailable when too many threads hang; everything else is in the Run.
        """
        self.check()
        return _Execution(self, usecase, intake, now, deadline, decision_id).complete()


@dataclass(slots=True)
class _Pending:
    """A task in flight: ``late_at`` is when it is given up."""

    step: Step
    key: str
    ledger: Ledger
    started: float
    late_at: float
    job: Job | None = None


class _Execution:
    """One run in progress."""

    def __init__(
        self, engine: Engine, usecase: UseCase, intake: Intake, now: datetime, deadline: float, decision_id: str
    ) -> None:
        self.engine, self.usecase, self.intake, self.now = engine, usecase, intake, now
        self.decision_id = decision_id
        self.began = perf_counter()
        self.deadline = self.began + deadline
        # what is late falls back a little before the deadline, so that logic has time to decide
        self.tasks_end = self.deadline - min(0.5, deadline / 10)
        self.graph = usecase.graph
        self.waits = dict(self.graph.waits)
        self.ready = list(self.graph.roots)
        self.values: dict[str, Any] = {}
        self.texts: dict[str, str] = {}
        self.in_flight: dict[str, _Pending] = {}
        self.finished: SimpleQueue[tuple[str, str | None, Any, dict[str, Any] | None]] = SimpleQueue()
        self.result = Run(began=self.began)

    def complete(self) -> Run:
        while True:
            if self.result.failure is None:
                self._advance()
            if not self.in_flight:
                break
            self._await()
        if self.result.decision is not None and perf_counter() > self.deadline:
            self._fail("deadline", "decide", {"error": "timeout", "message": "decided after the deadline"})
        return self.result

    def _advance(self) -> None:
        """Start every ready task, then run the ready logic."""
        while self.ready and self.result.failure is None:
            step = self.ready.pop()
            if step.task:
                self._start(step)
            else:
                self._run_inline(step)

    def _start(self, step: Step) -> None:
        now = perf_counter()
        limit = self.tasks_end if step.task.timeout is None else min(self.tasks_end, now + step.task.timeout)
        pending = _Pending(step, "", Ledger(), now, limit)
        self.in_flight[step.name] = pending
        try:
            pending.key = self._fact_key(step)
            models = self.engine.models(self._asking(step, limit), pending.ledger)
            arguments = self._arguments(step, self.intake.live, models)
        except Exception as error:
            self._settle_task(step.name, None, None, describe_error(self.usecase, step, error))
            return
        if now >= limit:
            self._settle_task(step.name, None, None, late(0.0))
            return
        pending.job = Job(partial(self._perform, step, arguments))
        self.engine.workers.submit(pending.job)

    def _asking(self, step: Step, until: float) -> Asking:
        # a little before the task is given up: who ends in time says why, and after how many attempts
        until -= min(0.05, max(0.0, until - perf_counter()) / 10)
        return Asking(until, self._company, self.usecase.name, step.name, self.decision_id, step.task.reuse)

    def _company(self) -> int:
        """Tasks under way or about to start: a worker may ask before its siblings are handed out."""
        return len(self.in_flight) + sum(step.task is not None for step in tuple(self.ready))

    def _perform(self, step: Step, arguments: list[Any]) -> None:
        """In a worker thread. Catches everything: a task must not take its thread or process along."""
        text, value, error = None, None, None
        try:
            assert step.codec is not None
            text, value = step.codec.settle(step.function(*arguments))
        except BaseException as raised:
            text, error = None, describe_error(self.usecase, step, raised)
        self.finished.put((step.name, text, value, error))

    def _await(self) -> None:
        """Take in the next finished task, or give up those that are late."""
        earliest = min(pending.late_at for pending in self.in_flight.values())
        try:
            self._settle_task(*self.finished.get(timeout=max(0.0, earliest - perf_counter())))
        except Empty:
            now = perf_counter()
            for name, pending in list(self.in_flight.items()):
                if pending.late_at <= now:
                    self._give_up(name, pending, now)

    def _give_up(self, name: str, pending: _Pending, now: float) -> None:
        if pending.job:
            self.engine.workers.abandon(pending.job)
        self._settle_task(name, None, None, late(now - pending.started))

    def _settle_task(self, name: str, text: str | None, value: Any, error: dict[str, Any] | None) -> None:
        pending = self.in_flight.pop(name, None)
        if pending is None:
            return  # it came after it had been given up
        step, fallback = pending.step, False
        if error and step.fallback is not None:
            assert step.codec is not None
            text, value, fallback = step.fallback, step.codec.decode(step.fallback), True
        self.result.clock[name] = (pending.started, perf_counter())
        taken = pending.ledger.taken()
        self.result.facts.append(Fact(name, pending.key, text, error, fallback, taken.calls, taken.answers))
        if text is None:
            assert error is not None
            self._fail("task-timeout" if error["error"] == "timeout" else "task-failed", name, error)
            return
        self.texts[name] = text
        self._settle(name, value)

    def _run_inline(self, step: Step) -> None:
        if perf_counter() > self.deadline:
            self._fail("deadline", step.name, {"error": "timeout", "message": "the deadline passed before this step"})
            return
        started = perf_counter()
        try:
            value = step.function(*self._arguments(step, self.intake.sealed, None))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread():
                raise
            self.result.clock[step.name] = (started, perf_counter())
            self._fail("step-failed", step.name, describe_error(self.usecase, step, error))
            return
        self.result.clock[step.name] = (started, perf_counter())
        self._settle(step.name, value) if step.codec is None else self._conclude(step, value)

    def _conclude(self, step: Step, value: Any) -> None:
        assert step.codec is not None
        try:
            self.result.decision, _ = step.codec.settle(value)
        except NotRecordable as error:
            self._fail("invalid-decision", step.name, describe_error(self.usecase, step, error))

    def _settle(self, name: str, value: Any) -> None:
        self.values[name] = value
        for consumer in self.graph.consumers[name]:
            self.waits[consumer.name] -= 1
            if not self.waits[consumer.name]:
                self._make_ready(consumer)

    def _make_ready(self, step: Step) -> None:
        """Tasks at the end, where they are taken first: their time runs beside that of logic."""
        if step.task:
            self.ready.append(step)
        else:
            self.ready.insert(0, step)

    def _arguments(self, step: Step, request: BaseModel, models: Any) -> list[Any]:
        return [self._argument(need, request, models) for need in step.needs]

    def _argument(self, need: str, request: BaseModel, models: Any) -> Any:
        if need in self.values:
            return self._value(need)
        if need == "models":
            return models
        if need == "now":
            return self.now
        return request if need == "request" else getattr(request, need)

    def _value(self, name: str) -> Any:
        """A step's result; a fact is read anew for all but one consumer, so none sees another's changes."""
        codec = self.graph.by_name[name].codec
        if codec is None or len(self.graph.consumers[name]) == 1:
            return self.values[name]
        value = self.values[name]
        return value if value is None or type(value) in (str, int, float, bool) else codec.decode(self.texts[name])

    def _fact_key(self, step: Step) -> str:
        """Digest of the task's fingerprint and its arguments; empty where there is no fingerprint."""
        fingerprint = self.usecase.fingerprints.get(step.name)
        if fingerprint is None:
            return ""
        parts = [
            fingerprint.encode(),
            *(self._argument_text(need) for need in step.needs if need not in UNKEYED),
        ]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def _argument_text(self, need: str) -> bytes:
        if need == "request":
            return self.intake.record.encode()
        if need == "now":
            return self.now.isoformat().encode()
        if need in self.texts:
            return self.texts[need].encode()
        if need in self.values:
            return digestible(need, self.values[need])
        return self.intake.live.__pydantic_serializer__.to_json(self.intake.live, include={need})

    def _fail(self, kind: str, step: str, error: dict[str, Any]) -> None:
        self.result.decision = None
        if self.result.failure is None:
            self.result.failure = Failure(kind, step, error)
