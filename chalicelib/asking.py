"""What passes between a task's models and a provider: the occasion, the answer, and the call as it is noted.

A provider is asked on some occasion (an :class:`Asking`: for which task, and until when), returns an
:class:`Answer`, or raises ProviderError with one of the codes of ``chalicelib.errors``. What happened is a
:class:`Call`, which is stored with the fact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from time import perf_counter
from typing import Any

UNREPORTED = "unreported"  # the version of a model whose provider does not tell it


def _one() -> int:
    return 1


@dataclass(frozen=True, slots=True)
class Asking:
    """On whose behalf a provider is asked, and how long it may take.

    Args:
        until: when the answer is of no more use, on the performance counter.
        company: how many tasks of the same decision are under way, this one included: those may ask the
            same provider about the same photo in the next moment.
    """

    until: float = math.inf
    company: Callable[[], int] = _one
    use_case: str = ""
    task: str = ""
    decision_id: str = ""
    reuse: float | None = None  # seconds; what ``@task(reuse=…)`` allows

    def left(self) -> float:
        """Seconds that are left, 0 when there are none; ``inf`` where nobody waits."""
        return max(0.0, self.until - perf_counter())


ANY_TIME = Asking()
"""Without a deadline: for calling a provider by hand."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider returns: the neutral result and which model, in which version, gave it.

    Args:
        result: of the capability's type; for ``embedding`` and ``predict`` a list, one for each item asked for.
        units: what is charged for: pictures, items, characters (vertex_ai's embeddings), bytes billed (bigquery).
        attempts: how often the provider was called for it, retries included.
        provider: who gave it first, where the provider only repeats what another once said; empty otherwise.
    """

    result: Any
    model: str
    version: str = UNREPORTED
    units: float = 1
    attempts: int = 1
    provider: str = ""


@dataclass(slots=True)
class Call:
    """One call of a capability, as it is stored with the fact. ``ms`` is wall time.

    Args:
        asked: the name under which ``predict`` was asked for a model.
        items: how many items it answered for; 1 where the capability takes no list.
        error: why there is no answer, a code of ProviderError; None where there is one.
        reused_from: the decision whose stored answer was taken instead of a call.
        began: when, on this process's performance counter; not stored.
        shared: the answer is that of an identical call that was in flight; ``reused_from`` says whose.
    """

    capability: str
    provider: str
    model: str
    version: str
    ms: float
    asked: str = ""
    items: int = 1
    units: float = 1
    attempts: int = 1
    error: str | None = None
    reused_from: str | None = None
    shared: bool = False
    began: float = field(default=0.0, compare=False)

    @property
    def paid(self) -> bool:
        """Whether the provider was asked. What it may have charged for that is for ``chalicelib.costs`` to say."""
        return self.reused_from is None and not self.shared and self.attempts > 0

    def as_dict(self) -> dict[str, Any]:
        """Without what is as usual."""
        return {
            one.name: value
            for one in fields(self)
            if one.compare and ((value := getattr(self, one.name)) != one.default or one.default is MISSING)
        }
