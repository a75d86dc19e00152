"""What a task's calls came to: kept while it runs, stored with its fact."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter

from chalicelib.asking import Call


@dataclass(frozen=True, slots=True)
class PaidAnswer:
    """An answer that may be used again: of one item, as JSON text, under the key that asks for it."""

    key: str
    model: str
    version: str
    units: float  # what was charged for it
    result: str


@dataclass(slots=True)
class Ledger:
    """The calls of one task, and the answers among them that may be used again."""

    calls: list[Call] = field(default_factory=list)
    answers: list[PaidAnswer] = field(default_factory=list)
    _began: dict[int, float] = field(default_factory=dict)

    def open(self, call: Call) -> Call:
        """Note a call before it is made: one that never ends is noted, too."""
        call.began = self._began[id(call)] = perf_counter()
        self.calls.append(call)
        return call

    def close(self, call: Call, error: str | None = None) -> None:
        """Note how a call ended."""
        call.ms = round((perf_counter() - self._began.pop(id(call))) * 1000, 3)
        call.error = error

    def give_up(self, since: int) -> None:
        """What was opened since then and has not ended is late; its end changes nothing any more."""
        taken = self.taken().calls
        for at in range(since, len(taken)):
            if id(self.calls[at]) in self._began:
                self.calls[at] = taken[at]

    def taken(self) -> Ledger:
        """A copy that nothing changes any more: a task given up may still be running."""
        now, began = perf_counter(), dict(self._began)
        calls = [
            replace(call, ms=round((now - began[id(call)]) * 1000, 3)) if id(call) in began else replace(call)
            for call in list(self.calls)
        ]
        return Ledger(calls, list(self.answers))
