"""The engine: runs a use case's graph for one request, and says everything that happened.

Tasks run in worker threads, in parallel, each under its timeout; plain steps run inline, as soon
as what they need is there. Failures are data: a task's becomes its fallback or the run's failure,
and what other tasks already found is kept either way. The result of every task is written as
JSON by its annotation, and each consumer gets a freshly read value.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import Any

from chalicelib.asking import Asking
from chalicelib.calling.ledger import Ledger
from chalicelib.errors import Unavailable
from chalicelib.facts import NotRecordable
from chalicelib.failures import describe_error, late
from chalicelib.graph import Step
from chalicelib.history import History, nothing_before
from chalicelib.known import UNKEYED, Known
from chalicelib.run import Attempt, Fact, Failure, Intake, Run
from chalicelib.usecase import UseCase
from chalicelib.workers import Job, Workers


class Engine:
    """Runs use cases. One per process: its worker threads are shared by all requests.

    Args:
        models: makes the capabilities object that a task is given, from the occasion and the ledger of its calls.
        history: makes the history that a task is given, from the occasion, the subject and the decision's time.
    """

    def __init__(
        self,
        models: Callable[[Asking, Ledger], Any],
        workers: Workers | None = None,
        history: Callable[[Asking, str | None, datetime], History] = nothing_before,
    ) -> None:
        self.models, self.history = models, history
        self.workers = workers or Workers()

    def check(self) -> None:
        """Raises Unavailable when too many threads hang for a new decision to be started."""
        if self.workers.exhausted:
            raise Unavailable("too many tasks hang; no new decision is started", code="overloaded", retry_after=5)

    def run(
        self,
        usecase: UseCase,
        intake: Intake,
        now: datetime,
        deadline: float,
        decision_id: str = "",
        attempt: Attempt | None = None,
    ) -> Run:
        """Decide.

        Args:
            deadline: in seconds from now, for the whole.
            decision_id: what calls are noted under.
            attempt: knows the facts of earlier attempts, and keeps those of this one.

        Raises Unavailable when too many threads hang; everything else is in the Run.
        """
        self.check()
        return _Execution(self, usecase, intake, now, deadline, decision_id, attempt).complete()


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
        self,
        engine: Engine,
        usecase: UseCase,
        intake: Intake,
        now: datetime,
        deadline: float,
        decision_id: str,
        attempt: Attempt | None,
    ) -> None:
        self.engine, self.usecase, self.intake, self.now = engine, usecase, intake, now
        self.decision_id, self.attempt = decision_id, attempt
        self.began = perf_counter()
        self.deadline = self.began + deadline
        # what is late falls back a little before the deadline, so that logic has time to decide
        self.tasks_end = self.deadline - min(0.5, deadline / 10)
        self.graph = usecase.graph
        self.waits = dict(self.graph.waits)
        self.ready = list(self.graph.roots)
        self.known = Known(usecase, intake, now)
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
            pending.key = self.known.fact_key(step)
            if self._carry_over(step, pending.key, now):
                return
            arguments = self.known.arguments(step, self.intake.live, self._given(step, limit, pending.ledger))
        except Exception as error:
            self._settle_task(step.name, None, None, describe_error(self.usecase, step, error))
            return
        if now >= limit:
            self._settle_task(step.name, None, None, late(0.0))
            return
        pending.job = Job(partial(self._perform, step, arguments))
        self.engine.workers.submit(pending.job)

    def _carry_over(self, step: Step, key: str, now: float) -> bool:
        """Take what an earlier attempt of the same keyed request found, if one did."""
        known = self.attempt.find(step.name, key) if self.attempt and key else None
        if known is None or known.output is None or step.codec is None:
            return False
        value = step.codec.decode(known.output)
        del self.in_flight[step.name]
        self.result.clock[step.name] = (now, perf_counter())
        self.result.facts.append(known)
        self.known.texts[step.name] = known.output
        self._settle(step.name, value)
        return True

    def _given(self, step: Step, until: float, ledger: Ledger) -> dict[str, Any]:
        """The given names of this task, made for it alone."""
        if UNKEYED.isdisjoint(step.needs):
            return {}
        asking = self._asking(step, until)
        given: dict[str, Any] = {"models": self.engine.models(asking, ledger)} if "models" in step.needs else {}
        if "history" in step.needs:
            subject = self.graph.subject
            whose = getattr(self.intake.sealed, subject) if subject else None
            given["history"] = self.engine.history(asking, whose, self.now)
        return given

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
        fact = Fact(name, pending.key, text, error, fallback, taken.calls, taken.answers)
        self.result.facts.append(fact)
        if self.attempt and error is None:
            self.attempt.keep(fact)
        if text is None:
            assert error is not None
            self._fail("task-timeout" if error["error"] == "timeout" else "task-failed", name, error)
            return
        self.known.texts[name] = text
        self._settle(name, value)

    def _run_inline(self, step: Step) -> None:
        if perf_counter() > self.deadline:
            self._fail("deadline", step.name, {"error": "timeout", "message": "the deadline passed before this step"})
            return
        started = perf_counter()
        try:
            value = step.function(*self.known.arguments(step, self.intake.sealed, {}))
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
        self.known.values[name] = value
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

    def _fail(self, kind: str, step: str, error: dict[str, Any]) -> None:
        self.result.decision = None
        if self.result.failure is None:
            self.result.failure = Failure(kind, step, error)
