"""How calls and answers are written down."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from chalicelib.asking import Answer, Call
from chalicelib.calling.ledger import Ledger
from chalicelib.calling.reuse import Stored
from chalicelib.models import ModelSource
from chalicelib.questions import BY_ITEM, Question


def storable(name: str, length: int) -> str:
    """A name that a server gave itself, as a column and a line of the log can hold it; a long one by its digest."""
    name = "".join(sign if sign.isprintable() else "?" for sign in name)
    return name if len(name) <= length else f"{name[: length - 13]}~{sha256(name.encode()).hexdigest()[:12]}"


def results_of(question: Question, answer: Answer) -> list[Any]:
    """One result for each item."""
    return list(answer.result) if question.capability in BY_ITEM else [answer.result]


def source_of(name: str, answered: Any) -> ModelSource:
    """Who gave an answer; of a recording, who gave it first."""
    provider = getattr(answered, "provider", "") or name
    return ModelSource(provider=provider, model=answered.model, version=answered.version)


def call_of(name: str, question: Question, **noted: Any) -> Call:
    """The note of a call that is about to be made."""
    items = len(question.items) if question.capability in BY_ITEM else 1
    return Call(question.capability, name, "", "", 0.0, question.model, items, **noted)


def note_reuse(name: str, question: Question, found: dict[int, Stored], ledger: Ledger) -> None:
    """One entry for each decision that something was taken from."""
    by_decision: dict[str, list[Stored]] = {}
    for stored in found.values():
        by_decision.setdefault(stored.decision_id, []).append(stored)
    for decision_id, taken in by_decision.items():
        ledger.calls.append(
            Call(
                question.capability,
                name,
                taken[0].model,
                taken[0].version,
                0.0,
                question.model,
                len(taken),
                units=sum(stored.units for stored in taken),
                attempts=0,
                reused_from=decision_id,
            )
        )
