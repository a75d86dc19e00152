"""OpenAPI 3.1 from the manifest: one typed path per use case, no module imported."""

from __future__ import annotations

import json
import re
from typing import Any

from chalicelib import __version__
from chalicelib.http.idempotency import PARAMETER, REPLAYED, REPLAYED_HEADER
from chalicelib.http.problems import MEDIA_TYPE
from chalicelib.http.schemas import DEGRADATION, MODELS, PROBLEM
from chalicelib.manifest import Manifest, decisions_path
from chalicelib.service import may
from chalicelib.settings import ApiKey

Sources = frozenset[str]  # names of photo sources: sample, s3
INFO = {
    "title": "Artemis decisions",
    "version": __version__,
    "description": "Ask a business question, get a decision. Errors are RFC 9457 problems with a stable `type`.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
ERRORS = {
    "400": "the body is not a JSON text",
    "401": "no valid API key",
    "404": "there is no such thing, or not for this client",
    "405": "this method is not offered here",
    "408": "the body stopped coming",
    "409": "a request with this Idempotency-Key is being decided; ask again after Retry-After seconds",
    "413": "the body is too large",
    "415": "the body is not application/json",
    "422": "the request is not valid; each problem has a JSON pointer",
    "500": "a step of the use case failed; recorded",
    "502": "a task failed and has no fallback; recorded",
    "503": "overloaded, or the store or the photo store is down; ask again after Retry-After seconds",
    "504": "a task or the whole request was late; recorded",
}


def document(manifest: Manifest, client: ApiKey, samples: bool = True, buckets: bool = False) -> dict[str, Any]:
    """The OpenAPI document of what this client may call.

    Args:
        samples: photos are accepted by a sample's name.
        buckets: photos are accepted that lie in S3.
    """
    sources = frozenset(name for name, taken in (("sample", samples), ("s3", buckets)) if not taken)
    schemas: dict[str, Any] = {"Problem": PROBLEM, "Degradation": DEGRADATION, "Models": MODELS}
    paths: dict[str, Any] = {}
    served = [
        (name, contract, entry)
        for name in manifest.names
        if may(client, name)
        for contract, entry in manifest.contracts(name).items()
    ]
    for name, contract, entry in served:
        paths[decisions_path(name, contract)] = _decide(name, contract, entry, schemas, sources)
    envelopes = [_ref(f"{_prefix(name, contract)}Envelope") for name, contract, _ in served]
    schemas["StoredAnswer"] = {"anyOf": envelopes} if len(envelopes) > 1 else (envelopes or [{}])[0]
    paths.update(_fixed_paths())
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "security": [{"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer"}},
        },
    }


def _decide(
    name: str, contract: int, entry: dict[str, Any], schemas: dict[str, Any], refused: Sources
) -> dict[str, Any]:
    request, decision, envelope = (f"{_prefix(name, contract)}{kind}" for kind in ("Request", "Decision", "Envelope"))
    _add(schemas, request, _without(entry["request"], refused))
    _add(schemas, decision, entry["decision"])
    schemas[envelope] = _envelope(name, decision)
    return {
        "post": {
            "operationId": f"decide_{name}" if contract == 1 else f"v{contract}_decide_{name}",
            "summary": entry["title"],
            "description": entry["description"],
            "tags": ["decisions"],
            "parameters": [PARAMETER],
            "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(request)}}},
            "responses": {
                "200": _json("decided", _ref(envelope)) | {"headers": {REPLAYED: REPLAYED_HEADER}},
                **_problems(*ERRORS),
            },
        }
    }


def _envelope(name: str, decision: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "use_case": {"const": name},
            "version": {"type": "string", "description": "which logic and parameters decided"},
            "status": {"enum": ["decided", "failed"]},
            "decision": {"anyOf": [_ref(decision), {"type": "null"}]},
            "degraded": {"type": "array", "items": _ref("Degradation")},  # empty when everything answered
            "created_at": {"type": "string", "format": "date-time"},
            "failure": {"type": "object", "description": "why there is no decision; failed ones only"},
            "trace": {"type": "object", "description": "every step; with include=trace"},
        },
        "required": ["id", "use_case", "version", "status", "decision", "degraded", "created_at"],
    }


def _fixed_paths() -> dict[str, Any]:
    trace = {
        "name": "include",
        "in": "query",
        "description": "trace: add every step with its result and times",
        "schema": {"enum": ["trace"]},
    }
    decision_id = {
        "name": "decision_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }
    return {
        "/v1/decisions/{decision_id}": {
            "get": _get(
                "get_decision",
                "A stored decision",
                _ref("StoredAnswer"),
                [decision_id, trace],
                "401",
                "404",
                "422",
                "503",
            )
        },
        "/v1/use-cases": {"get": _get("list_use_cases", "What this client may ask", {"type": "object"}, [], "401")},
        "/v1/models": {
            "get": _get("list_models", "Which models answer, and how they changed", _ref("Models"), [], "401", "503")
        },
        "/health": {"get": _get("health", "Whether the process runs", {"type": "object"}, []) | {"security": []}},
        "/ready": {
            "get": _get("ready", "Whether a request could be served", {"type": "object"}, [], "503") | {"security": []}
        },
    }


def _get(operation: str, summary: str, schema: dict[str, Any], parameters: list[Any], *errors: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "tags": ["decisions" if "decision" in operation else "service"],
        "parameters": parameters,
        "responses": {"200": _json(summary, schema), **_problems(*errors)},
    }


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems(*statuses: str) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": _ref("Problem")}}
    return {status: {"description": ERRORS[status], "content": content} for status in statuses}


def _add(schemas: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    """A model's schema as a component; its own ``$defs`` become components beside it.

    Titles are as the components are called: client generators name their classes by them.
    """
    text = json.dumps(schema).replace('"#/$defs/', f'"#/components/schemas/{name}.')
    own = json.loads(text)
    for inner, definition in own.pop("$defs", {}).items():
        schemas[f"{name}.{inner}"] = definition | {"title": f"{name}.{inner}"}
    schemas[name] = own | {"title": name}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _camel(name: str) -> str:
    """A use case's name as it stands in components: another name, another word."""
    return re.sub(r"(?:^|_)([a-z])", lambda found: found[1].upper(), name)


def _prefix(name: str, contract: int) -> str:
    """How the components of one contract begin. No use case's own name has an underscore before a capital."""
    return _camel(name) if contract == 1 else f"{_camel(name)}_V{contract}"


def _without(schema: Any, refused: Sources) -> Any:
    """A schema without the sources of photos that are refused, and without the examples that use them."""
    if isinstance(schema, list):
        return [_without(item, refused) for item in schema if not _by(item, refused)]
    if not isinstance(schema, dict):
        return schema
    cleaned = {key: _without(value, refused) for key, value in schema.items()}
    return {key: value for key, value in cleaned.items() if key != "examples" or value}


def _by(item: Any, refused: Sources) -> bool:
    """One way to give a photo, or an example request, that takes a refused source."""
    if not isinstance(item, dict):
        return False
    values = [item.get("properties"), *item.values()]
    return any(isinstance(value, dict) and len(value) == 1 and value.keys() <= refused for value in values)
