"""What testing gives: suites of tests, each passed or with what is wrong and where."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

TIERS = ("rules", "cases", "notebooks")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong. ``cell`` is 1-based over all cells, ``line`` 1-based in the cell; 0: none of its own.

    ``detail`` is further lines to read: a diff, a traceback.
    """

    message: str
    detail: str = ""
    hint: str = ""
    place: str = ""  # the file
    cell: int = 0
    cell_id: str = ""
    line: int = 0


@dataclass(slots=True)
class Test:
    """One thing that was tested. It failed when it has faults."""

    __test__ = False  # for pytest: no test of its own

    name: str
    faults: list[Fault] = field(default_factory=list)
    skipped: str = ""  # why it was not run
    seconds: float = 0.0


@dataclass(slots=True)
class Suite:
    """What one tier tested of one use case; of all where ``use_case`` is empty."""

    tier: str
    use_case: str
    ran: str = ""
    tests: list[Test] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        return sum(bool(test.faults) for test in self.tests)

    @property
    def passed(self) -> int:
        return sum(not test.faults and not test.skipped for test in self.tests)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"passed": self.passed, "failed": self.failed, "seconds": round(self.seconds, 3)}
