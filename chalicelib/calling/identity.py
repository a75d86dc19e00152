"""Which version of each model answered last. A provider may change a model overnight: that is seen here.

What was last seen is kept in memory and, across processes, in the store. A version that was not the last one is a
:class:`Sighting`: it waits here until a decision is stored, and is stored with that.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from chalicelib.asking import Answer, Asking
from chalicelib.errors import Unavailable
from chalicelib.questions import Question

log = logging.getLogger("artemis")
MANY, TURN_SECONDS = 8, 3600  # so many changes in so long are none: versions that answer by turns
FRESH_SECONDS = 60  # how long what another process has seen may go unnoticed
DOWN_SECONDS = 5  # how long a store that could not be read is not asked again: each model would wait for it


@dataclass(frozen=True, slots=True)
class Sighting:
    """A model that answered in a version that was not the last one seen.

    ``asked`` is the name under which ``predict`` was asked for it, empty otherwise. ``number`` counts the versions
    of one model from 1, so that two processes that see the same change record it once. ``previous`` is the model and
    version before, or None where there was none.
    """

    capability: str
    provider: str
    asked: str
    number: int
    model: str
    version: str
    previous: str | None
    seen_at: datetime
    decision_id: str

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What it is stored under."""
        return self.capability, self.provider, self.asked, self.number


class Seen(NamedTuple):
    """The last version seen of one model, and the how manieth it is."""

    number: int
    model: str
    version: str


class Identity:
    """The last seen versions of all models.

    Args:
        memory: the store, or None where nothing is stored; called on first use.
    """

    def __init__(self, memory: Any = None) -> None:
        self._memory, self._lock = memory, Lock()
        self._seen: dict[tuple[str, str, str], Seen] = {}
        self._changed: dict[tuple[str, str, str], deque[float]] = {}
        self._unsaved: list[Sighting] = []
        self._read_at = float(-FRESH_SECONDS)
        self._down_until = float("-inf")

    def last(self, question: Question, provider: str) -> Seen | None:
        """What was last seen to answer this, not older than a minute; None when nothing was."""
        if self._memory is not None and self._is_stale():
            with self._lock:
                if self._is_stale():  # nobody else has read it while this one waited
                    self._read()
        return self._seen.get((question.capability, provider, question.model))

    def note(self, question: Question, provider: str, answer: Answer, asking: Asking) -> None:
        """Take in who answered; a change is logged."""
        key = question.capability, provider, question.model
        answered = answer.model, answer.version
        if self._is_last(key, answered) or self._takes_turns(key):
            return
        if not self._lock.acquire(timeout=min(asking.left(), 5)):
            return  # the answer is paid for: it does not wait for a slow store; the next one will be noted
        try:
            if self._memory is not None:
                self._read()  # another process may have seen it before
            if not self._is_last(key, answered):
                self._change(key, answered, asking)
        finally:
            self._lock.release()

    def _takes_turns(self, key: tuple[str, str, str]) -> bool:
        """Whether several versions answer by turns, as behind an endpoint that splits its traffic."""
        times = self._changed.get(key)
        return times is not None and len(times) == MANY and monotonic() - times[0] < TURN_SECONDS

    def _is_stale(self) -> bool:
        return monotonic() - self._read_at > FRESH_SECONDS

    def _is_last(self, key: tuple[str, str, str], answered: tuple[str, str]) -> bool:
        seen = self._seen.get(key)
        return seen is not None and seen[1:] == answered

    def _change(self, key: tuple[str, str, str], answered: tuple[str, str], asking: Asking) -> None:
        seen = self._seen.get(key)
        number = seen.number + 1 if seen else 1
        self._seen[key] = Seen(number, *answered)
        self._changed.setdefault(key, deque(maxlen=MANY)).append(monotonic())
        previous = f"{seen.model} {seen.version}" if seen else None
        sighting = Sighting(*key, number, *answered, previous, datetime.now(UTC), asking.decision_id)
        if self._memory is not None:
            self._unsaved.append(sighting)
        if previous:
            named = "/".join(filter(None, (key[0], key[2])))
            log.warning("model_changed: %s by %s: %s -> %s", named, key[1], previous, " ".join(answered))

    def unsaved(self) -> list[Sighting]:
        """What is to be stored with the next decision.

        In the same order in each process, by the primary key: of two that store the same at once, in any order, each
        would have rows for which the other waits.
        """
        return sorted(self._unsaved, key=lambda one: one.key) if self._unsaved else []

    def saved(self, sightings: list[Sighting]) -> None:
        """These are stored."""
        with self._lock:
            self._unsaved = [sighting for sighting in self._unsaved if sighting not in sightings]

    def _read(self) -> None:
        """What the store knows; what this process has seen since, and is not stored yet, stays."""
        if monotonic() < self._down_until:
            return
        try:
            stored = self._memory().last_seen()
        except Unavailable as error:
            log.warning("which models answered last cannot be read: %s", error)
            stored, self._down_until = {}, monotonic() + DOWN_SECONDS
        for key, seen in stored.items():
            known = self._seen.get(key)
            if known is None or known.number < seen[0]:
                self._seen[key] = Seen(*seen)
        self._read_at = monotonic()  # at the end: until then others wait for it
