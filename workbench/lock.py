"""One build at a time: builds lock the project's folder itself, so that no lock file is ever left over."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PATIENCE_SECONDS = 0.3


@contextmanager
def locked(root: Path, shared: bool = False) -> Iterator[None]:
    """Wait for other builds of the project to end; checks, which are ``shared``, wait for builds only.

    The lock ends with the process, however it ends. Where there is none to be had (Windows, some network
    file systems) builds go on without: each file is still whole.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    folder = os.open(root, os.O_RDONLY)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        _take(lambda flags: fcntl.flock(folder, kind | flags), fcntl.LOCK_NB)
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_UN)  # a fork of ours may still have the folder open
        os.close(folder)


def _take(lock: Callable[[int], None], without_waiting: int) -> None:
    """Take a lock; who has to wait for more than a moment is told why."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            lock(without_waiting)
        except BlockingIOError:
            if time.monotonic() < end:
                time.sleep(0.01)
                continue
            print("another build of this project is running: waiting for it to end", file=sys.stderr)
            lock(0)
        except OSError:
            pass
        return
