"""Keys that stand twice in one mapping of a YAML file: YAML itself takes the last one in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Place = tuple[str, ...]  # the keys that lead to a problem
TWICE = "stands there twice"


def pairs(node: Any) -> list[tuple[Any, Any]]:
    """The keys and values of a mapping's node; none of any other."""
    import yaml

    return node.value if isinstance(node, yaml.MappingNode) else []


def items(node: Any) -> list[Any]:
    """Those of a list's node; none of any other."""
    import yaml

    return node.value if isinstance(node, yaml.SequenceNode) else []


def repeated(root: Any) -> Iterator[tuple[Place, Any]]:
    """Each key of a composed file that stands there again, with its mark. An anchor's node counts once."""
    walked: set[int] = set()
    waiting: list[tuple[Any, Place]] = [(root, ())]
    for node, place in waiting:  # grows as it is walked
        if id(node) in walked:
            continue
        walked.add(id(node))
        waiting += [(item, place) for item in items(node)]
        names: set[str] = set()
        for key, value in pairs(node):
            name = str(key.value)
            if name in names:
                yield (*place, name), key.start_mark
            names.add(name)
            waiting.append((value, (*place, name)))
