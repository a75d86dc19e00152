"""Threads for tasks: kept, capped, and never in the way of a request or of the process's exit.

A thread cannot be killed. A task that outlives its timeout is abandoned: its late result is
discarded, its thread is counted as hung until it returns, and another thread takes its place.
When too many hang, new decisions are refused rather than started without hope. Threads are
daemons, so a hung one does not keep the process alive; a ThreadPoolExecutor would.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread


class Job:
    """One task handed to a worker. ``run`` must not raise."""

    __slots__ = ("abandoned", "finished", "hung", "run", "started")

    def __init__(self, run: Callable[[], None]) -> None:
        self.run = run
        self.started = self.finished = self.abandoned = self.hung = False


class Workers:
    """At most ``live`` threads working at once, besides at most about ``hung`` hung ones."""

    def __init__(self, live: int = 32, hung: int = 32) -> None:
        self._live, self._hung_limit = live, hung
        self._queue: SimpleQueue[Job] = SimpleQueue()
        self._lock = Lock()
        self._threads = self._idle = self._backlog = 0
        self.hung = 0

    @property
    def exhausted(self) -> bool:
        """Whether so many threads hang that no new decision should be started."""
        return self.hung >= self._hung_limit

    def submit(self, job: Job) -> None:
        """Have the job run by an idle thread, a new one, or the next to become free."""
        spawn = False
        with self._lock:
            if self._idle:
                self._idle -= 1
            elif self._threads - self.hung < self._live:
                self._threads += 1
                spawn = True
            else:
                self._backlog += 1
        self._queue.put(job)
        if spawn:
            self._spawn()

    def abandon(self, job: Job) -> None:
        """Stop waiting for a job. If its thread is in it, the thread counts as hung till it returns."""
        job.abandoned = True
        spawn = False
        with self._lock:
            if job.started and not job.finished:
                job.hung = True
                self.hung += 1
                if self._backlog:  # its place goes to a job that waits
                    self._backlog -= 1
                    self._threads += 1
                    spawn = True
        if spawn:
            self._spawn()

    def _spawn(self) -> None:
        Thread(target=self._work, name="artemis-task", daemon=True).start()

    def _work(self) -> None:
        keep = True
        while keep:
            job = self._queue.get()
            job.started = True
            if not job.abandoned:
                job.run()
            keep = self._finish(job)

    def _finish(self, job: Job) -> bool:
        """Whether this thread stays: a returning hung one goes when its place has been taken."""
        with self._lock:
            job.finished = True
            if job.hung:
                self.hung -= 1
            if self._backlog:
                self._backlog -= 1
            elif self._threads - self.hung > self._live:
                self._threads -= 1
                return False
            else:
                self._idle += 1
        return True
