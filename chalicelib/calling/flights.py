"""Identical questions in flight at once, in one process, are one call."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any

from chalicelib.asking import Answer


@dataclass(slots=True)
class Flight:
    """A call under way. ``answer`` is None until it has landed, and stays None when it failed."""

    decision_id: str
    landed: Event = field(default_factory=Event)
    answer: Answer | None = None


class Flights:
    """The calls under way, by what is asked."""

    def __init__(self) -> None:
        self._lock, self._flying = Lock(), dict[Any, Flight]()

    def board(self, key: Any, decision_id: str) -> tuple[Flight, bool]:
        """The flight for this question, and whether the caller is to fly it."""
        with self._lock:
            flight = self._flying.get(key)
            if flight is not None:
                return flight, False
            flight = self._flying[key] = Flight(decision_id)
            return flight, True

    def land(self, key: Any, flight: Flight, answer: Answer | None) -> None:
        """Let everybody on board have the answer; None: it failed, and each must ask for itself."""
        with self._lock:
            del self._flying[key]
        flight.answer = answer
        flight.landed.set()
