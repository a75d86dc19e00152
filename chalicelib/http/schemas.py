"""The schemas of what is answered, but for each use case's own."""

from __future__ import annotations

from typing import Any

from chalicelib.errors import PROVIDER_CODES
from chalicelib.labels import LONGEST_OUTCOME, LONGEST_REASON, LONGEST_WHO

NULLABLE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
# No enum: a new provider may bring a new reason, and a client that was generated today should take it.
CODE: dict[str, Any] = {
    "type": "string",
    "examples": list(PROVIDER_CODES),
    "description": "; ".join(f"{code}: {meaning}" for code, meaning in PROVIDER_CODES.items()),
}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details",
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:artemis:problem:invalid-request"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["pointer", "detail"],
            },
        },
        "decision_id": {"type": "string", "format": "uuid", "description": "of the decision recorded as failed"},
        "step": {"type": "string", "description": "the step that failed, in this notebook, cell and line"},
        "notebook": {"type": "string"},
        "cell": {"type": "integer"},
        "line": {"type": "integer"},
        "error_id": {"type": "string", "description": "what to look for in the service's log"},
    },
    "required": ["type", "title", "status", "detail"],
}
DEGRADATION: dict[str, Any] = {
    "type": "object",
    "description": "a task whose fallback was used, or that another provider than the first answered for; and why",
    "properties": {
        "task": {"type": "string"},
        "error": CODE,
        "capability": {"type": "string", "description": "what was asked, where another provider answered"},
        "provider": {"type": "string", "description": "who could not answer"},
        "answered_by": {"type": "string", "description": "who did in its place"},
    },
    "required": ["task", "error"],
}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


MODELS: dict[str, Any] = _object(
    {
        "models": {
            "type": "array",
            "items": _object(
                {
                    "capability": {"type": "string"},
                    "asked": NULLABLE_TEXT | {"description": "the name under which predict asks for it"},
                    "provider": {"type": "string"},
                    "order": {"type": ["integer", "null"], "description": "1 is asked first; null: not on this stage"},
                    "model": NULLABLE_TEXT,
                    "version": NULLABLE_TEXT | {"description": "as it answered last; null: it has not answered yet"},
                    "since": {"type": ["string", "null"], "format": "date-time"},
                    "pinned": NULLABLE_TEXT | {"description": "the only version that may answer"},
                    "reuse_seconds": {"type": ["number", "null"], "description": "how old an answer may be used again"},
                    "as_pinned": {"type": ["boolean", "null"]},
                }
            ),
        },
        "changes": {
            "type": "array",
            "description": "newest first",
            "items": _object(
                {
                    "event": {"enum": ["model_changed"]},
                    "capability": {"type": "string"},
                    "asked": NULLABLE_TEXT,
                    "provider": {"type": "string"},
                    "from": {"type": "string", "description": "model and version"},
                    "to": {"type": "string", "description": "model and version"},
                    "at": {"type": "string", "format": "date-time"},
                    "decision_id": NULLABLE_TEXT | {"description": "the decision that saw it"},
                }
            ),
        },
    }
)

_ASKED: dict[str, Any] = {
    "type": "array",
    "description": "of a task: what it asks of models",
    "items": _object(
        {
            "asked": {"type": "string", "examples": ["embedding", "predict/match_score"]},
            "providers": {"type": "array", "items": {"type": "string"}, "description": "who answers, in order"},
        }
    ),
}
_STEP: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "kind": {"enum": ["task", "step", "decide"]},
        "needs": {
            "type": "array",
            "items": {"type": "string"},
            "description": "steps, fields of the request, names given",
        },
        "description": {"type": "string"},
        "asks": _ASKED,
        "history": {
            "type": "array",
            "items": {"type": "string"},
            "description": "of a task: the use cases whose past decisions it asks for; ? where its code does not say",
        },
    },
    "required": ["name", "kind", "needs", "description"],
}
USE_CASES: dict[str, Any] = _object(
    {
        "use_cases": {
            "type": "array",
            "items": _object(
                {
                    "name": {"type": "string"},
                    "version": {"type": "string"},
                    "contract": {"type": "integer"},
                    "contracts": {"type": "array", "items": {"type": "integer"}, "description": "all that are served"},
                    "title": {"type": "string"},
                    "description": {"type": "string"},
                    "notebook": {"type": "string"},
                    "steps": {"type": "array", "items": _STEP},
                    "parameters": {"type": "object", "description": "name to default, description, type and value"},
                }
            ),
        }
    }
)

DECISIONS: dict[str, Any] = _object(
    {
        "decisions": {
            "type": "array",
            "description": "newest first",
            "items": {"$ref": "#/components/schemas/StoredAnswer"},
        },
        "next": NULLABLE_TEXT | {"description": "the cursor of the next page; null: this is the last"},
    }
)
_OUTCOME = {"type": "string", "description": "the right outcome: one that the use case can decide"}
_WHO = {"type": "string", "description": "who says so", "examples": ["김민지"]}
_REASON = NULLABLE_TEXT | {"description": "why"}
LABEL_REQUEST: dict[str, Any] = {
    "type": "object",
    "properties": {
        "outcome": _OUTCOME | {"minLength": 1, "maxLength": LONGEST_OUTCOME},
        "who": _WHO | {"minLength": 1, "maxLength": LONGEST_WHO},
        "reason": _REASON | {"maxLength": LONGEST_REASON},
    },
    "required": ["outcome", "who"],
    "additionalProperties": False,
}
LABEL: dict[str, Any] = _object(
    {
        "id": {"type": "string", "format": "uuid"},
        "decision_id": {"type": "string", "format": "uuid"},
        "outcome": _OUTCOME,
        "who": _WHO,
        "reason": _REASON,
        "client": {"type": "string", "description": "whose API key it came with"},
        "created_at": {"type": "string", "format": "date-time"},
    }
)
LABELS: dict[str, Any] = _object(
    {"labels": {"type": "array", "description": "oldest first", "items": {"$ref": "#/components/schemas/Label"}}}
)

FIXED: dict[str, Any] = {
    "Problem": PROBLEM,
    "Degradation": DEGRADATION,
    "Models": MODELS,
    "UseCases": USE_CASES,
    "Decisions": DECISIONS,
    "Label": LABEL,
    "Labels": LABELS,
    "LabelRequest": LABEL_REQUEST,
}
