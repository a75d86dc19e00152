"""What can go wrong between a provider and its cloud, as values; and the queue of what goes wrong next."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from threading import Lock


@dataclass(frozen=True, slots=True)
class Delay:
    """The answer is right, but comes ``seconds`` late."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nobody answers: the connection is reset before the first byte. What listens can do no more; for a
    connection that is refused see :func:`tests.emulators.server.closed_port`."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset in the middle of the answer."""


@dataclass(frozen=True, slots=True)
class Status:
    """An error of this HTTP status; gRPC emulators map it. ``retry_after`` is in seconds."""

    status: int
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Garbage:
    """Status 200, and bytes that are no JSON."""


@dataclass(frozen=True, slots=True)
class WrongSchema:
    """Status 200, and JSON of another form."""


@dataclass(frozen=True, slots=True)
class Version:
    """The answer is right; the model reports this version from now on, as far as its protocol reports one."""

    version: str


Fault = Delay | Refuse | Reset | Status | Garbage | WrongSchema | Version


class Faults:
    """The faults of one emulator: the queued ones first, each for one call, then what is always wrong. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._queue: deque[Fault] = deque()
        self._always: Fault | None = None

    def then(self, fault: Fault, times: int = 1) -> None:
        """Queue a fault for the next ``times`` calls that have none yet."""
        with self._lock:
            self._queue.extend([fault] * times)

    def always(self, fault: Fault) -> None:
        """From now on every call without a queued fault has this one."""
        with self._lock:
            self._always = fault

    def clear(self) -> None:
        """Everything works again."""
        with self._lock:
            self._queue.clear()
            self._always = None

    def next(self) -> Fault | None:
        """The fault of the call that is being answered; None when it works. For emulators."""
        with self._lock:
            return self._queue.popleft() if self._queue else self._always
