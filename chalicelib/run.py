"""What a run gives: the request as it was decided on, the facts, the decision or the failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel

from chalicelib.asking import Call
from chalicelib.calling.ledger import PaidAnswer

STATUS = {
    "task-failed": 502,
    "task-timeout": 504,
    "deadline": 504,
    "step-failed": 500,
    "invalid-decision": 500,
}


@dataclass(slots=True)
class Fact:
    """What a task gave: its result as JSON text, or why there is none."""

    task: str
    key: str
    output: str | None
    error: dict[str, Any] | None
    fallback: bool
    calls: list[Call]
    answers: list[PaidAnswer] = field(default_factory=list)  # of its calls: those that may be used again
    carried_from: str | None = None  # the earlier attempt of the same keyed request that found it

    @property
    def stand_ins(self) -> list[tuple[Call, Call]]:
        """Each call that failed and had another provider answer in its place, with that one."""
        found, waiting = list[tuple[Call, Call]](), list[Call]()
        for call in self.calls:
            if call.error is not None:
                waiting.append(call)
                continue
            same = [one for one in waiting if (one.capability, one.asked) == (call.capability, call.asked)]
            found += [(one, call) for one in same if one.provider != call.provider]
            waiting = [one for one in waiting if one not in same]
        return found


@dataclass(slots=True)
class Failure:
    """Why there is no decision. ``kind`` is stable and decides the HTTP status."""

    kind: str
    step: str
    error: dict[str, Any]

    @property
    def status(self) -> int:
        return STATUS[self.kind]


@dataclass(slots=True)
class Run:
    """Everything that happened: a decision or a failure, the facts, and when each step ran.

    ``clock``: step -> (started, ended) on the performance counter, ``began`` when the run did.
    """

    decision: str | None = None
    failure: Failure | None = None
    facts: list[Fact] = field(default_factory=list)
    began: float = 0.0
    clock: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def timings(self) -> dict[str, tuple[float, float]]:
        """Step -> (started, duration) in milliseconds since the run began."""
        return {
            name: (round((started - self.began) * 1000, 3), round((ended - started) * 1000, 3))
            for name, (started, ended) in self.clock.items()
        }

    @property
    def degraded(self) -> list[dict[str, str]]:
        """The tasks whose fallback was used, or that another provider than the first answered for, and why."""
        return [entry for fact in self.facts for entry in _degraded(fact)]


def _degraded(fact: Fact) -> list[dict[str, str]]:
    if fact.fallback and fact.error:
        return [{"task": fact.task, "error": fact.error["error"]}]
    return [
        {
            "task": fact.task,
            "error": str(failed.error),
            "capability": failed.capability,
            "provider": failed.provider,
            "answered_by": answered.provider,
        }
        for failed, answered in (fact.stand_ins if fact.calls else ())
    ]


class Attempt(Protocol):
    """One of the attempts at a keyed request: under which id and time, and what earlier ones found."""

    decision_id: str
    now: datetime

    def find(self, task: str, key: str) -> Fact | None:
        """The fact that an earlier attempt found under this fact key."""

    def keep(self, fact: Fact) -> None:
        """Store a fact at once, so that a later attempt need not pay for it again."""

    def save(self, record: Any) -> None:
        """Store the decision with all that belongs to it, and end the attempt."""


@dataclass(frozen=True, slots=True)
class Intake:
    """A request as it is decided on. ``sealed`` is what logic sees: read back from ``record``.

    ``salt`` goes into the fact keys, which are digests: without it, who reads them could guess what they are of.
    """

    live: BaseModel
    sealed: BaseModel
    record: str
    salt: bytes = b""
