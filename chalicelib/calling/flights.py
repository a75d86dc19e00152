"""Identical questions in flight at once, in one process, are one call."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event, Lock
from time import perf_counter
from typing import Any

from chalicelib.asking import Answer, Asking


@dataclass(slots=True)
class Flight:
    """A call under way, whose caller waits until ``until`` (performance counter). ``answer``: None if it failed."""

    decision_id: str
    until: float
    landed: Event = field(default_factory=Event)
    answer: Answer | None = None
    error: BaseException | None = None

    def left(self) -> float:
        """Seconds until nobody waits for it any more; whoever makes the call may never come back."""
        return max(0.0, self.until - perf_counter())


class Flights:
    """The calls under way, by what is asked."""

    def __init__(self) -> None:
        self._lock, self._flying = Lock(), dict[Any, Flight]()

    def board(self, key: Any, asking: Asking) -> tuple[Flight, bool]:
        """The flight for this question, and whether the caller is to fly it. One that is overdue takes nobody along."""
        with self._lock:
            flight = self._flying.get(key)
            if flight is not None and flight.left():
                return flight, False
            flight = self._flying[key] = Flight(asking.decision_id, asking.until)
            return flight, True

    def land(self, key: Any, flight: Flight, answer: Answer | None, error: BaseException | None) -> None:
        """Let everybody on board have the answer, or the error."""
        with self._lock:
            if self._flying.get(key) is flight:
                del self._flying[key]
        flight.answer, flight.error = answer, error
        flight.landed.set()
