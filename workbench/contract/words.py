"""Changes of a contract in words: for what a caller sends and for what it gets, which are told differently."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

Side = Literal["request", "response"]
Effect = Literal["wider", "narrower", "breaking", "compatible", "info"]
Severity = Literal["breaking", "compatible", "info"]

KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object",
}
WORDS: dict[str, tuple[str, str]] = {  # what changed -> in a request, in a response
    "added": ("{place} takes {what} too", "{place} may be {what} now"),
    "removed": ("{place} no longer takes {what}", "{place} is never {what} any more"),
    "changed": ("{place} is {what} now, it was {old}", "{place} is {what} now, it was {old}"),
    "opened": ("{place} takes any {what} now, not only {old}", "{place} may be any {what} now, not only {old}"),
    "closed": ("{place} takes only {what} now, not any {old}", "{place} is only {what} now, not any {old}"),
    "tightened": ("{place} must be {what} now{was}", "{place} is always {what} now{was}"),
    "loosened": ("{place} need only be {what} now{was}", "{place} is only {what} now{was}"),
    "unlimited": ("{place} need not be {old} any more",) * 2,
    "field-removed": ("the field {place} is removed", "the field {place} is removed"),
    "field-added": ("there is a new optional field {place}", "there is a new field {place}"),
    "field-required": ("there is a new required field {place}", "there is a new field {place}"),
    "required": ("the field {place} was optional and is required now", "the field {place} is always there now"),
    "optional": ("the field {place} may be left out now", "the field {place} may be missing now"),
    "fields-refused": ("{place} refuses unknown fields now", "{place} has no unknown fields now"),
    "fields-allowed": ("{place} accepts unknown fields now", "{place} may have unknown fields now"),
    "default": ("the default of {place} is {what} now, it was {old}",) * 2,
    "description": ("the description of {place} changed",) * 2,
    "unknown": ("{place} changed in {what}, of which it cannot be told whether it breaks callers",) * 2,
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``accepted``: it breaks callers of the old contract, and the contract was raised for it.

    ``use_case`` is empty for what belongs to the service; ``path`` is the field, ``reasons[]`` an item's.
    """

    use_case: str
    contract: int
    where: str
    path: str
    kind: str
    severity: Severity
    message: str
    accepted: bool = False

    @property
    def fails(self) -> bool:
        return self.severity == "breaking" and not self.accepted

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def severity_of(effect: Effect, side: Side) -> Severity:
    """Callers break when less of what they send is taken, or when they get more than they knew of."""
    if effect == "wider":
        return "compatible" if side == "request" else "breaking"
    if effect == "narrower":
        return "breaking" if side == "request" else "compatible"
    return effect


def sentence(kind: str, side: Side, path: str, what: str, old: str) -> str:
    place = f"`{path}`" if path else f"the {side}"
    was = f", it was {old}" if old else ""
    return WORDS[kind][side == "response"].format(place=place, what=what, old=old, was=was)


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:60] + "…"


def listed(values: list[Any]) -> str:
    """Values in words, in the order given; many are cut short."""
    few = [shown(value) for value in values[:8]]
    more = [f"{len(values) - 8} more"] if len(values) > 8 else []
    return " or ".join([", ".join(few[:-1])] * (len(few) > 1) + few[-1:]) if not more else ", ".join(few + more)
