"""What keeps one provider's trouble from becoming everybody's: a circuit breaker and a limit of calls at once.

The breaker is circuitbreaker's (https://pypi.org/project/circuitbreaker). It is made here without decorating
anything, since every call has its own function; pybreaker would hold a lock during each call, one at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore
from time import perf_counter
from typing import Any

from chalicelib.asking import Asking
from chalicelib.calling.routing import Limits
from chalicelib.errors import TROUBLE, PhotoError, ProviderError

log = logging.getLogger("artemis")


class Bounds:
    """The breaker and the limit of one provider, in one process."""

    def __init__(self, provider: str, limits: Limits) -> None:
        from circuitbreaker import CircuitBreaker  # it imports asyncio: only where a managed provider is asked

        self.provider, self.limits = provider, limits
        self._last, self._left_alone = "", False
        self._due = dict[object, float]()  # calls under way -> until when somebody waits, on the performance counter
        self._places = BoundedSemaphore(limits.concurrency)
        self._breaker: Any = CircuitBreaker(
            failure_threshold=limits.failures, recovery_timeout=limits.seconds, expected_exception=_is_trouble
        )

    @property
    def open(self) -> bool:
        """Whether the provider is being left alone."""
        return bool(self._breaker.opened)

    @contextmanager
    def entered(self, asking: Asking) -> Iterator[None]:
        """Room for one call. Raises ProviderError (circuit-open, busy, timeout) where there is none."""
        self._count_overdue()
        self._refuse_if_open()
        left = asking.left()
        if not left:
            raise ProviderError(f"no time is left to ask {self.provider}", code="timeout", attempts=0)
        if not self._places.acquire(timeout=min(left, 3600)):
            said = f"{self.limits.concurrency} calls of {self.provider} are under way: no place in time"
            raise ProviderError(said, code="busy", attempts=0)
        call = object()
        try:
            self._refuse_if_open()  # it may have been opened while this one waited
            self._due[call] = asking.until
            yield
        except BaseException as error:
            self._ended(call, error)
            raise
        else:
            self._ended(call, None)
        finally:
            self._places.release()

    def _ended(self, call: object, error: BaseException | None) -> None:
        """Tell the breaker how a call went, unless it was counted as overdue, or the provider had no part in it."""
        if self._due.pop(call, None) is None or isinstance(error, PhotoError):
            return
        self._breaker.__exit__(error and type(error), error, None)
        self._answered() if error is None else self._failed(error)

    def _count_overdue(self) -> None:
        """A call that nobody waits for any more is a failure, should its client never come back to say so."""
        now = perf_counter()
        for call in [call for call, until in list(self._due.items()) if until < now]:
            self._ended(call, ProviderError(f"{self.provider} does not come back", code="timeout"))

    def _refuse_if_open(self) -> None:
        if self.open:
            seconds = max(0, self._breaker.open_remaining)
            said = f"{self.provider} failed {self.limits.failures} times in a row and is left alone for {seconds:.0f} s"
            raise ProviderError(f"{said}; the last time: {self._last}", code="circuit-open", attempts=0)

    def _failed(self, error: BaseException) -> None:
        if not _is_trouble(type(error), error):
            return
        self._last = f"{error.code}: {error}" if isinstance(error, ProviderError) else type(error).__name__
        if self.open and not self._left_alone:
            self._left_alone = True
            log.warning("%s is left alone for %g s: it failed, %s", self.provider, self.limits.seconds, self._last)

    def _answered(self) -> None:
        if self._left_alone:
            self._left_alone = False
            log.warning("%s answers again", self.provider)


def _is_trouble(kind: type[BaseException], error: BaseException | None) -> bool:
    """Whether a failure speaks against the provider: not one that is about this question alone."""
    return not isinstance(error, ProviderError) or error.code in TROUBLE
