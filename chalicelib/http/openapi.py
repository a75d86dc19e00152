"""OpenAPI 3.1 from the manifest: one typed path per use case, no module imported."""

from __future__ import annotations

import json
import re
from typing import Any

from chalicelib import __version__
from chalicelib.http.idempotency import PARAMETER, REPLAYED, REPLAYED_HEADER
from chalicelib.http.paths import DECIDING, fixed_paths, json_content, problems, ref
from chalicelib.http.schemas import FIXED
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


def document(manifest: Manifest, client: ApiKey, samples: bool = True, buckets: bool = False) -> dict[str, Any]:
    """The OpenAPI document of what this client may call.

    Args:
        samples: photos are accepted by a sample's name.
        buckets: photos are accepted that lie in S3.
    """
    sources = frozenset(name for name, taken in (("sample", samples), ("s3", buckets)) if not taken)
    schemas: dict[str, Any] = dict(FIXED)
    paths: dict[str, Any] = {}
    served = [
        (name, contract, entry)
        for name in manifest.names
        if may(client, name)
        for contract, entry in manifest.contracts(name).items()
    ]
    for name, contract, entry in served:
        paths[decisions_path(name, contract)] = _decide(name, contract, entry, schemas, sources)
    envelopes = [ref(f"{_prefix(name, contract)}Envelope") for name, contract, _ in served]
    schemas["StoredAnswer"] = {"anyOf": envelopes} if len(envelopes) > 1 else (envelopes or [{}])[0]
    paths.update(fixed_paths())
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
            "requestBody": {"required": True, "content": {"application/json": {"schema": ref(request)}}},
            "responses": {
                "200": json_content("decided", ref(envelope)) | {"headers": {REPLAYED: REPLAYED_HEADER}},
                **problems(*DECIDING),
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
            "decision": {"anyOf": [ref(decision), {"type": "null"}]},
            "degraded": {"type": "array", "items": ref("Degradation")},  # empty when everything answered
            "created_at": {"type": "string", "format": "date-time"},
            "failure": {"type": "object", "description": "why there is no decision; failed ones only"},
            "trace": {"type": "object", "description": "every step; with include=trace"},
        },
        "required": ["id", "use_case", "version", "status", "decision", "degraded", "created_at"],
    }


def _add(schemas: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    """A model's schema as a component; its own ``$defs`` become components beside it.

    Titles are as the components are called: client generators name their classes by them.
    """
    text = json.dumps(schema).replace('"#/$defs/', f'"#/components/schemas/{name}.')
    own = json.loads(text)
    for inner, definition in own.pop("$defs", {}).items():
        schemas[f"{name}.{inner}"] = definition | {"title": f"{name}.{inner}"}
    schemas[name] = own | {"title": name}


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
