"""The paths that are the same for every use case, as OpenAPI describes them."""

from __future__ import annotations

from typing import Any

from chalicelib.http.problems import MEDIA_TYPE
from chalicelib.lookup import HIGHEST, LIMIT, LONGEST

ERRORS = {
    "400": "the body is not a JSON text",
    "401": "no valid API key",
    "404": "there is no such thing, or not for this client",
    "405": "this method is not offered here",
    "408": "the body stopped coming",
    "409": "a request with this Idempotency-Key is being decided; ask again after Retry-After seconds",
    "410": "the decision was forgotten",
    "413": "the body is too large",
    "415": "the body is not application/json",
    "422": "the request is not valid; each problem has a JSON pointer",
    "500": "a step of the use case failed; recorded",
    "502": "a task failed and has no fallback; recorded",
    "503": "overloaded, or the store or the photo store is down; ask again after Retry-After seconds",
    "504": "a task or the whole request was late; recorded",
}
DECIDING = [status for status in ERRORS if status != "410"]
SENDING = ("400", "401", "404", "405", "408", "410", "413", "415", "422", "503")  # a body, about a decision

LABELS = {"tags": ["labels"]}
DECISION_ID = {
    "name": "decision_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
}


def fixed_paths() -> dict[str, Any]:
    """Path -> operations."""
    return {
        "/v1/decisions": {"get": _list_decisions()},
        "/v1/decisions/{decision_id}": {"get": _get_decision()},
        "/v1/decisions/{decision_id}/labels": {"get": _list_labels(), "post": _add_label()},
        "/v1/use-cases": {"get": _get("list_use_cases", "What this client may ask", ref("UseCases"), [], "401")},
        "/v1/models": {
            "get": _get("list_models", "Which models answer, and how they changed", ref("Models"), [], "401", "503")
        },
        "/health": {"get": _get("health", "Whether the process runs", {"type": "object"}, []) | {"security": []}},
        "/ready": {
            "get": _get("ready", "Whether a request could be served", {"type": "object"}, [], "503") | {"security": []}
        },
    }


def _list_decisions() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1, "maxLength": LONGEST}
    parameters = [
        _query("use_case", "decisions of this use case", text),
        _query("subject", "decisions about this subject", text),
        _query("outcome", "decisions with this outcome; needs use_case or subject beside it", text),
        _query(
            "since",
            "taken then or later: an age (30d, 12h), a day (its beginning in UTC), or a time with its zone",
            text | {"examples": ["30d", "2026-11-01", "2026-11-01T09:00:00Z"]},
        ),
        _query("cursor", "`next` of the page before", {"type": "string", "format": "uuid"}),
        _query("limit", "decisions on a page", {"type": "integer", "minimum": 1, "maximum": HIGHEST, "default": LIMIT}),
    ]
    summary = "Stored decisions, newest first"
    return _get("list_decisions", summary, ref("Decisions"), parameters, "401", "404", "422", "503")


def _get_decision() -> dict[str, Any]:
    trace = _query("include", "trace: add every step with its result and times", {"enum": ["trace"]})
    errors = "401", "404", "410", "422", "503"
    return _get("get_decision", "A stored decision", ref("StoredAnswer"), [DECISION_ID, trace], *errors)


def _list_labels() -> dict[str, Any]:
    errors = "401", "404", "410", "503"
    return _get("list_labels", "What people said its right outcome was", ref("Labels"), [DECISION_ID], *errors) | LABELS


def _add_label() -> dict[str, Any]:
    return {
        "operationId": "add_label",
        "summary": "Say what the right outcome was",
        "description": "Several people may, and one person several times: nothing is overwritten.",
        **LABELS,
        "parameters": [DECISION_ID],
        "requestBody": {"required": True, "content": {"application/json": {"schema": ref("LabelRequest")}}},
        "responses": {"201": json_content("stored", ref("Label")), **problems(*SENDING)},
    }


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _get(operation: str, summary: str, schema: dict[str, Any], parameters: list[Any], *errors: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "tags": ["decisions" if "decision" in operation else "service"],
        "parameters": parameters,
        "responses": {"200": json_content(summary, schema), **problems(*errors)},
    }


def json_content(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """An answer that is JSON of this schema."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def problems(*statuses: str) -> dict[str, Any]:
    """The answers of these statuses: RFC 9457 problems."""
    content = {MEDIA_TYPE: {"schema": ref("Problem")}}
    return {status: {"description": ERRORS[status], "content": content} for status in statuses}


def ref(name: str) -> dict[str, str]:
    """A component, by its name."""
    return {"$ref": f"#/components/schemas/{name}"}
