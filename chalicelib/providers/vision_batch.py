"""Callers that ask about the same photo in the same moment become one call.

The tasks of a decision ask from a thread each. The first to ask about a photo opens a batch and waits a short window
for the others. The batch closes when the window ends, or as soon as everybody is there who could come: as many as
``company`` says. Then the member with the latest deadline makes the call, for all that was asked for, in its own
thread: so the call may take as long as its most patient member does, and no member waits past its own deadline.

Who has no company waits for nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from math import isinf
from threading import Event, Lock
from time import perf_counter
from typing import Any, Generic, TypeVar

from chalicelib.errors import ProviderError

T = TypeVar("T")


class Batches(Generic[T]):
    """The open batches of one provider, by the photo's digest.

    Args:
        send: makes the call: the photo, everything that is asked for, and until when (on the performance counter).
        window: seconds that a batch stays open.
    """

    def __init__(self, send: Callable[[Any, frozenset[str], float], T], window: float) -> None:
        self._send, self._window = send, window
        self._open: dict[str, _Batch[T]] = {}
        self._lock = Lock()

    def ask(self, photo: Any, want: str, until: float, company: int) -> T:
        """The answer of the call that ``want`` became part of.

        Raises:
            ProviderError: what the call raised, to each of its members; "timeout" when ``until`` has passed.
        """
        if company < 2 or not self._window or until <= perf_counter():
            return self._send(photo, frozenset({want}), until)
        batch, place = self._join(photo.digest, want, until, company)
        if not batch.closed.wait(self._patience(place, until)):
            self._close(photo.digest, batch)
        if batch.leader == place:
            batch.lead(lambda: self._send(photo, frozenset(batch.wanted), until))
        return batch.result(until)

    def _join(self, key: str, want: str, until: float, company: int) -> tuple[_Batch[T], int]:
        """The batch, and this caller's place among its members; the first one opened it."""
        with self._lock:
            batch = self._open.setdefault(key, _Batch())
            batch.wanted.add(want)
            batch.members.append(until)
            if len(batch.members) >= company:
                self._shut(key, batch)
            return batch, len(batch.members) - 1

    def _patience(self, place: int, until: float) -> float:
        """The opener waits for the window, which others see end; should it never come to that, they end it."""
        return min(self._window * (1 if place == 0 else 4), max(0.0, until - perf_counter()))

    def _close(self, key: str, batch: _Batch[T]) -> None:
        with self._lock:
            if not batch.closed.is_set():
                self._shut(key, batch)

    def _shut(self, key: str, batch: _Batch[T]) -> None:
        del self._open[key]
        latest = max(batch.members)
        batch.leader = max(place for place, until in enumerate(batch.members) if until == latest)
        batch.closed.set()


class _Batch(Generic[T]):
    """Those who ask about one photo: what they want, and until when each of them waits."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self.members: list[float] = []
        self.leader = -1
        self.closed = Event()
        self._outcome: Future[T] = Future()

    def lead(self, call: Callable[[], T]) -> None:
        """Make the call for all members; whatever comes of it, they hear of it."""
        try:
            self._outcome.set_result(call())
        except ProviderError as error:
            self._outcome.set_exception(error)
        except BaseException as error:
            self._outcome.set_exception(ProviderError(f"the call failed: {type(error).__name__}"))
            raise

    def result(self, until: float) -> T:
        """What the call gave. Raises a ProviderError of this caller's own: threads do not share a traceback."""
        try:
            return self._outcome.result(None if isinf(until) else max(0.0, until - perf_counter()))
        except ProviderError as error:
            raise copy(error) from None
        except TimeoutError:
            raise ProviderError("no answer in time to a call made together with others", "timeout") from None
