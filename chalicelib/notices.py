"""What is said of a decision that is degraded or failed: in the log all there is, in the answer less."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import DecisionFailed
from chalicelib.failures import traceback_of
from chalicelib.run import Fact, Failure, Run
from chalicelib.usecase import UseCase

log = logging.getLogger("artemis")


@dataclass(frozen=True, slots=True)
class FailedStep:
    """What goes with the log's record of a failed decision, for whoever reports errors. ``detail`` quotes nothing."""

    decision_id: str
    use_case: str
    version: str
    failure: Failure
    detail: str


def log_degraded(decision_id: str, usecase: UseCase, run: Run) -> None:
    """A line for each fallback, of a task or of a provider."""
    for fact in run.facts:
        if fact.fallback:
            said = f"{fact.error}{_unanswered(fact)}{traceback_of(fact.error or {})}"
            log.warning("decision %s: %s.%s fell back: %s", decision_id, usecase.name, fact.task, said)
        for one, answered in fact.stand_ins:
            said = f"{one.capability} by {answered.provider}: {one.provider} said {one.error}"
            log.warning("decision %s: %s.%s was given %s", decision_id, usecase.name, fact.task, said)


def _unanswered(fact: Fact) -> str:
    """Every provider that was asked in vain: an error tells of the last one only."""
    vain = [f"{call.provider}: {call.error}" for call in fact.calls if call.error]
    return f" (asked in turn: {', '.join(vain)})" if len(vain) > 1 else ""


def failed(decision_id: str, usecase: UseCase, failure: Failure, facts: list[Fact]) -> DecisionFailed:
    """The problem for a failed decision: which step and where, not what its exception said."""
    place: dict[str, Any] = {key: failure.error[key] for key in ("notebook", "cell", "line") if key in failure.error}
    where = f" ({place['notebook']}, cell {place['cell']}, line {place['line']})" if place else ""
    detail = f"{failure.kind.replace('-', ' ')}: {failure.step!r} of {usecase.name}{where}"
    asked = "".join(_unanswered(fact) for fact in facts if fact.task == failure.step)
    about = {"_failed": FailedStep(decision_id, usecase.name, usecase.version, failure, detail)}
    said = (decision_id, detail, failure.error, asked, traceback_of(failure.error))
    log.error("decision %s: %s: %s%s%s", *said, extra=about)
    return DecisionFailed(failure.status, failure.kind, detail, decision_id=decision_id, step=failure.step, **place)
