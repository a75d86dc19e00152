"""Which models are in use on a stage, as an operator wants to see them."""

from __future__ import annotations

from typing import Any

from chalicelib.calling.routing import Routing
from chalicelib.questions import Question


def in_use(routing: Routing, versions: list[dict[str, Any]]) -> dict[str, Any]:
    """``models``: one entry for each that is routed to or was ever seen; ``changes``: newest first.

    ``versions`` are the store's rows, oldest first.
    """
    latest = {(row["capability"], row["provider"], row["asked"]): row for row in versions}
    routed = {
        (*_split(name), provider): position
        for name, chain in routing.providers.items()
        for position, provider in enumerate(chain)
    }
    keys = {(capability, asked, provider) for capability, provider, asked in latest} | routed.keys()
    models = [_model(routing, key, latest, routed) for key in sorted(keys)]
    changes = [_change(row) for row in reversed(versions) if row["previous"] is not None]
    return {"models": models, "changes": sorted(changes, key=lambda change: str(change["at"]), reverse=True)}


def _split(name: str) -> tuple[str, str]:
    capability, _, asked = name.partition("/")
    return capability, asked


def _model(
    routing: Routing,
    key: tuple[str, str, str],
    latest: dict[tuple[str, str, str], dict[str, Any]],
    routed: dict[tuple[str, str, str], int],
) -> dict[str, Any]:
    capability, asked, provider = key
    row = latest.get((capability, provider, asked))
    order = routed.get(key, routed.get((capability, "", provider)))
    pinned = routing.pin(Question(capability, (), asked), provider)
    return {
        "capability": capability,
        "asked": asked or None,
        "provider": provider,
        "order": None if order is None else order + 1,  # 1 is asked first; null: not asked on this stage any more
        "model": row and row["model"],
        "version": row and row["version"],
        "since": row and row["seen_at"].isoformat(),
        "pinned": pinned,
        "reuse_seconds": routing.reuse.get(f"{capability}/{asked}", routing.reuse.get(capability)),
        "as_pinned": None if pinned is None or row is None else pinned == row["version"],
    }


def _change(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "event": "model_changed",
        "capability": row["capability"],
        "asked": row["asked"] or None,
        "provider": row["provider"],
        "from": row["previous"],
        "to": f"{row['model']} {row['version']}",
        "at": row["seen_at"].isoformat(),
        "decision_id": row["decision_id"] or None,
    }
