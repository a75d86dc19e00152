"""The schemas of what is answered, but for each use case's own."""

from __future__ import annotations

from typing import Any

from chalicelib.errors import PROVIDER_CODES

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
