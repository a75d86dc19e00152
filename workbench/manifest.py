"""The manifest as the builder sees it: the last build's, read as far as it can be, and the next one's text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1  # chalicelib.manifest.FORMAT, which costs an import of pydantic
MODULE = re.compile(rb'"module": "([0-9a-f]{64})"')


@dataclass(frozen=True)
class Last:
    """The last build's manifest; an empty one where there is none that this builder knows.

    ``modules`` are the digests of every module that the file names, be it whole or full of a merge's conflicts.
    """

    data: bytes = b""
    stages: dict[str, Any] = field(default_factory=dict)
    use_cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()
    frozen: dict[str, Any] = field(default_factory=dict)
    pricing: dict[str, Any] = field(default_factory=dict)

    def holds(self, content: dict[str, Any]) -> bool:
        return bool(self.data) and content == compose(self.stages, self.use_cases, self.frozen, self.pricing)


def read(path: Path) -> Last:
    """The last build's manifest."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Last()
    modules = frozenset(digest.decode() for digest in MODULE.findall(data))
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT or not _is_whole(content):
        return Last(modules=modules)
    more = {name: content.get(name) or {} for name in ("frozen", "pricing")}
    return Last(data, content["stages"], content["use_cases"], modules, **more)


def compose(
    stages: dict[str, Any], use_cases: dict[str, Any], frozen: dict[str, Any], pricing: dict[str, Any]
) -> dict[str, Any]:
    """The content of a manifest. ``frozen``: name -> contract -> entry; what there is none of is left out."""
    content = {"format": FORMAT, "stages": stages, "use_cases": use_cases}
    return content | {name: value for name, value in (("frozen", frozen), ("pricing", pricing)) if value}


def render(content: dict[str, Any]) -> bytes:
    """A manifest's bytes: a line for each member of an entry, for diffs to read."""
    return (_lines(content, 3) + "\n").encode()


def _is_whole(content: dict[str, Any]) -> bool:
    entries = content.get("use_cases")
    return (
        isinstance(content.get("stages"), dict)
        and isinstance(entries, dict)
        and all(isinstance(entry, dict) for entry in entries.values())
    )


def _lines(value: Any, depth: int, margin: str = "") -> str:
    """JSON with a line for each member down to ``depth``, at the plain encoder's speed."""
    if not depth or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    inner = margin + " "
    members = (f"{inner}{json.dumps(key)}: {_lines(value[key], depth - 1, inner)}" for key in sorted(value))
    return "{\n" + ",\n".join(members) + f"\n{margin}}}"
