"""Work shared by several processes: forks of this one, so that what is imported here is there already.

A pool of ``multiprocessing`` would take longer to start than a second process gains, and would wait
for ever for a worker that exported code has ended. Here each fork leaves its results in memory that
it shares with this process, one after the other; what a fork that died has not done is seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


ENDED = "a process of the build ended before its work was done: exported code may have ended it"


class Died(RuntimeError):
    """A fork ended before its work was done."""


def share(function: Callable[[Item], Result], items: Sequence[Item], processes: int) -> list[Result]:
    """``function`` of every item, in their order. Raises Died when a fork did not do all of its part."""
    import workbench.examine  # before the fork: imported once  # noqa: F401

    parts = [range(first, len(items), processes) for first in range(processes)]
    forks = [_fork(function, [items[at] for at in part]) for part in parts[1:]]
    done = dict(zip(parts[0], [function(items[at]) for at in parts[0]], strict=True))
    for part, fork in zip(parts[1:], forks, strict=True):
        done.update(zip(part, _collect(*fork, len(part)), strict=True))
    return [done[at] for at in range(len(items))]


def _fork(function: Callable[[Item], Any], items: list[Item]) -> tuple[int, BinaryIO]:
    """Start on the items in a fork; gives its process id and where it leaves its results."""
    import pickle

    file = os.fdopen(os.memfd_create("artemis"), "w+b")
    process = os.fork()
    if process == 0:
        status = 1
        try:
            for item in items:
                pickle.dump(function(item), file, pickle.HIGHEST_PROTOCOL)
            file.flush()
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)  # nothing of this process's is for a fork to close or to write
    return process, file


def _collect(process: int, file: BinaryIO, count: int) -> list[Any]:
    """The results of a fork, when it has ended."""
    import pickle

    _, status = os.waitpid(process, 0)
    with file:
        file.seek(0)
        if status:
            raise Died(ENDED)
        try:
            return [pickle.load(file) for _ in range(count)]  # noqa: S301  written by ourselves
        except EOFError:
            raise Died(ENDED) from None
