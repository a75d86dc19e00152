"""Rankings: two of them compared by the first places that they share."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.usecase import UseCase
from workbench.rankings import ranking

FIRST = 10  # places that are compared


def is_ranked(usecase: UseCase) -> bool:
    """Whether its decisions have no outcome to flip."""
    return "outcome" not in usecase.graph.decision_model.model_fields


def overlap(before: dict[str, Any], after: dict[str, Any], first: int = FIRST) -> float | None:
    """The share of the first places that both have, in whatever order; None where neither is a ranking.

    Of two of different lengths it is the share of the longer one's.
    """
    ranked = [_named(decision, first) for decision in (before, after)]
    if ranked[0] is None and ranked[1] is None:
        return None
    ours, theirs = (set(one or ()) for one in ranked)
    longest = max(len(ours), len(theirs))
    return len(ours & theirs) / longest if longest else 1.0


def first_of(decision: dict[str, Any]) -> str | None:
    """What is in the first place; None where nothing is."""
    named = _named(decision, 1)
    return named[0] if named else None


def same_order(before: dict[str, Any], after: dict[str, Any], first: int = FIRST) -> bool:
    """Whether the first places are the same, in their order."""
    return _named(before, first) == _named(after, first)


def names(places: list[dict[str, Any]], most: int = 5) -> str:
    """The first of a ranking, for people."""
    return ", ".join(map(_name, places[:most])) + (", …" if len(places) > most else "")


def _named(decision: dict[str, Any], first: int) -> list[str] | None:
    found = ranking(decision)
    return None if found is None else [_name(place) for place in found[1][:first]]


def _name(place: dict[str, Any]) -> str:
    """What a place is of: its id, else its first text, else all of it."""
    ids = [value for key, value in place.items() if key == "id" or key.endswith("_id")]
    texts = [value for value in place.values() if isinstance(value, str)]
    return str(next(iter([*ids, *texts]), json.dumps(place, sort_keys=True)))
