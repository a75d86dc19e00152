"""Where the parts of a replay are worked on: in this process, in several, or on a Dask cluster."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import make_url

from workbench.replaying.errors import CannotReplay
from workbench.replaying.tally import Tally
from workbench.replaying.work import Job, Tell, silent, work

SECONDS = 10  # in which a cluster has to answer


def spread(jobs: Sequence[Job], workers: int, dask: str | None, tell: Tell) -> list[Tally]:
    """The sums over all parts, one for each candidate.

    Raises CannotReplay when a worker cannot be reached or dies, and what ``work`` raises.
    """
    if dask is not None:
        with _cluster(dask) as executor:
            return _sum(_results(executor, [_without_password(job) for job in jobs]), tell)
    if workers > 1 and len(jobs) > 1:
        with ProcessPoolExecutor(min(workers, len(jobs)), multiprocessing.get_context("spawn")) as executor:
            return _sum(_results(executor, jobs), tell)
    return _sum((work(job, tell) for job in jobs), silent)


def _sum(results: Iterable[list[Tally]], tell: Tell) -> list[Tally]:
    total: list[Tally] = []
    for tallies in results:
        total = [one + other for one, other in zip(total, tallies, strict=True)] if total else tallies
        tell(tallies[0].read)
    return total


def _results(executor: Executor, jobs: Sequence[Job]) -> Iterator[list[Tally]]:
    """In the order of the parts, so that the first examples are the same however many workers there are."""
    try:
        yield from executor.map(work, jobs)
    except BrokenProcessPool:
        raise CannotReplay("a worker died: is there memory for so many? Try fewer with --workers") from None


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """A Dask cluster's executor. Raises CannotReplay when there is none at the address."""
    try:
        from distributed import Client
    except ImportError:
        raise CannotReplay("Dask is not installed: pip install 'artemis[dask]'") from None
    try:
        client = Client(address, timeout=SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        said = str(error).split("\n")[0]
        raise CannotReplay(f"no Dask scheduler answers at {address}: {said}") from None
    try:
        if not client.scheduler_info()["workers"]:
            raise CannotReplay(f"the Dask scheduler at {address} has no workers: start `dask worker {address}`")
        yield client.get_executor()  # type: ignore[no-untyped-call]
    finally:
        client.close()  # type: ignore[no-untyped-call]


def _without_password(job: Job) -> Job:
    """A password is not sent over the network: where the URL has one, workers use their own."""
    return replace(job, url=None) if job.url is not None and make_url(job.url).password else job
