"""Labels: what people say the right outcome of a decision was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, StringConstraints, field_validator
from uuid6 import uuid7

from chalicelib import intake
from chalicelib.errors import Gone, Invalid
from chalicelib.manifest import Manifest
from chalicelib.photo import PhotoPolicy
from chalicelib.settings import ApiKey

if TYPE_CHECKING:
    from chalicelib.service import Service

LONGEST_OUTCOME, LONGEST_WHO, LONGEST_REASON = 100, 200, 2000  # characters
SHOWN = ("id", "decision_id", "outcome", "who", "reason", "client")

Outcome = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_OUTCOME)]
Who = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_WHO)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=LONGEST_REASON)]


class LabelRequest(BaseModel):
    """The right outcome, who says so, and why. Space around a text is no part of it; an empty reason is none."""

    outcome: Outcome
    who: Who
    reason: Reason | None = None

    @field_validator("reason")
    @classmethod
    def _empty_is_none(cls, reason: str | None) -> str | None:
        return reason or None


def label(service: Service, client: ApiKey, decision_id: str, body: bytes | str) -> dict[str, Any]:
    """Store a label, and show it. Raises NotFound, Gone, Malformed, Invalid."""
    row = service.readable(client, decision_id)
    wanted = intake.read(LabelRequest, body, PhotoPolicy()).sealed
    assert isinstance(wanted, LabelRequest)
    if problem := refusal(service.manifest, row["use_case"], row["outcome"], wanted.outcome):
        raise Invalid([{"pointer": "/outcome", "detail": problem}])
    made = label_row(decision_id, wanted, client.client)
    if not service.store().labels.add(made):
        raise Gone(f"decision {decision_id} was forgotten: what it was about was erased")
    return shown(made)


def labels_of(service: Service, client: ApiKey, decision_id: str) -> dict[str, Any]:
    """A decision's labels, oldest first. Raises NotFound, Gone."""
    service.readable(client, decision_id)
    return {"labels": [shown(row) for row in service.store().labels.of(decision_id)]}


def label_row(decision_id: str, wanted: LabelRequest, client: str) -> dict[str, Any]:
    """The row of ``labels``."""
    made = {"created_at": datetime.now(UTC), "id": str(uuid7()), "decision_id": decision_id, "client": client}
    return made | {"outcome": wanted.outcome, "who": wanted.who, "reason": wanted.reason}


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A label as it is answered."""
    return {name: row[name] for name in SHOWN} | {"created_at": row["created_at"].isoformat()}


def refusal(manifest: Manifest, use_case: str, own: str | None, outcome: str) -> str | None:
    """Why ``outcome`` can be no label of a decision whose own outcome is ``own``; None when it can.

    Those of every contract that is served are possible, and the decision's own.
    """
    if outcome == own:
        return None
    schemas = [_outcome_schema(entry["decision"]) for entry in manifest.contracts(use_case).values()]
    kinds = [kind for schema in schemas for kind in schema]
    possible = list(dict.fromkeys(kind for kind in kinds if kind is not None))
    if own is None and not kinds:
        return f"the decisions of {use_case} have no outcome: there is nothing to label"
    if None in kinds or outcome in possible:  # any text is an outcome
        return None
    known = ", ".join(possible if own is None or own in possible else [*possible, own])
    return f"{outcome!r} is no outcome of {use_case}; there are: {known}"


def _outcome_schema(decision: dict[str, Any]) -> list[str | None]:
    """The outcomes that a Decision's JSON schema allows; None among them: any text. Empty: it has none."""
    outcome = decision.get("properties", {}).get("outcome")
    return [] if outcome is None else list(_texts(outcome, decision.get("$defs", {})))


def _texts(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str | None]:
    """The texts that a schema allows; None for any."""
    if "$ref" in schema:
        yield from _texts(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    elif "enum" in schema or "const" in schema:
        yield from (value for value in schema.get("enum", [schema.get("const")]) if isinstance(value, str))
    elif schema.get("type") == "string":
        yield None
    for part in schema.get("anyOf", []):
        yield from _texts(part, definitions)
