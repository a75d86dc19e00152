"""What keeps one provider's trouble from becoming everybody's: a circuit breaker and a limit of calls at once.

The breaker is circuitbreaker's (https://pypi.org/project/circuitbreaker). It is made here without decorating
anything, since every call has its own function; pybreaker would hold a lock during each call, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from chalicelib.asking import Asking
from chalicelib.errors import TROUBLE, PhotoError, ProviderError


@dataclass(frozen=True, slots=True)
class Limits:
    """``concurrency``: calls at once in a process. The breaker opens after ``failures`` in a row, for ``seconds``."""

    concurrency: int = 32
    failures: int = 5
    seconds: float = 30


class Bounds:
    """The breaker and the limit of one provider, in one process."""

    def __init__(self, provider: str, limits: Limits) -> None:
        from circuitbreaker import CircuitBreaker  # it imports asyncio: only where a managed provider is asked

        self.provider, self.limits = provider, limits
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
        """Room for one call. Raises ProviderError (circuit-open, busy) when there is none; then nothing was called."""
        if self._breaker.opened:
            seconds = max(0, self._breaker.open_remaining)
            raise ProviderError(
                f"{self.provider} failed {self.limits.failures} times in a row and is left alone for {seconds:.0f} s",
                code="circuit-open",
                attempts=0,
            )
        left = asking.left()
        if not self._places.acquire(timeout=min(left, 3600) if left else 0.0):
            raise ProviderError(
                f"{self.limits.concurrency} calls of {self.provider} are under way: no place in time",
                code="busy",
                attempts=0,
            )
        try:
            with self._breaker:
                yield
        finally:
            self._places.release()


def _is_trouble(kind: type[BaseException], error: BaseException | None) -> bool:
    """Whether a failure speaks against the provider: not one that is about this question alone."""
    return not isinstance(error, PhotoError) and (not isinstance(error, ProviderError) or error.code in TROUBLE)
