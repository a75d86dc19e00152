"""A large request: 500 candidates ranked by the repository's own use case, and what is stored of it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from benchmarks import projects, warm
from benchmarks.measure import Result
from benchmarks.projects import ROOT, NotMeasured, Side, folder

NAME, CANDIDATES = "match_recommendation", 500
MOST_BYTES = 64 * 1024
ANYBODY = {
    "wants_genders": ["woman", "man", "nonbinary"],
    "wants_age_min": 18,
    "wants_age_max": 120,
    "wants_distance_km": 20000,
    "shown_7d": 5,
}
TEXTS = {
    "decisions": ("request", "decision", "degraded", "failure", "timings"),
    "task_results": ("calls", "output", "error"),
}


def run() -> Iterator[Result]:
    """One comparison, warm, on SQLite; refuses to give a time for records that are larger than they may be."""
    with folder() as base:
        ours, peer = _ours(base / "ours"), _peer(base / "theirs")
        us, them = warm.in_turn(ours, peer, block=10)
        sizes = _sizes(base / "ours" / "bench.db")
        name = f"{CANDIDATES} candidates, record of {max(sizes) / 1024:.0f} KB"
        small = max(sizes) < MOST_BYTES
        yield Result(name, us, "FastAPI + Mangum + ORM", them, "ms", limit=0.06, sound=small)


def _ours(project: Path) -> Side:
    """The built project: what serves, the model file, no notebook."""
    project.mkdir()
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "app.py", project)
    shutil.copytree(ROOT / "usecases" / "models", project / "usecases" / "models")
    side = Side(
        project, "app", "app", {"ARTEMIS_DATABASE_URL": f"sqlite:///{project}/bench.db"}, "match-recommendation"
    )
    return _asking(side)


def _peer(project: Path) -> Side:
    shutil.copytree(ROOT / "benchmarks" / "peer", project, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "app.py").rename(project / "peer.py")
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    extra = {
        "PEER_DATABASE_URL": f"sqlite:///{project}/bench.db",
        "PEER_MODULE": str(project / "chalicelib" / "usecases" / f"{NAME}.py"),
        "PEER_MODEL": str(ROOT / "usecases" / "models" / "match_score.json"),
    }
    return _asking(Side(project, "ranking", "handler", extra, "match-recommendation"))


def _asking(side: Side) -> Side:
    """The side, its event with a large request in it."""
    side.event.write_text(json.dumps(projects.event("match-recommendation") | {"body": _request()}))
    return side


def _request() -> str:
    """A member, and the first others of the repository's data as candidates; all suit each other, so all are scored."""
    manifest = json.loads((ROOT / "chalicelib" / "usecases" / "manifest.json").read_text("utf-8"))
    schema = manifest["use_cases"][NAME]["request"]
    lines = (ROOT / "usecases" / "data" / "dating" / "members.jsonl").read_text("utf-8").splitlines()
    member, *others = [json.loads(line) | ANYBODY for line in lines[: CANDIDATES + 1]]
    person = schema["$defs"]["Person"]["properties"].keys()
    candidate = schema["$defs"]["Candidate"]["properties"].keys()
    asked = {
        "member_id": "m-@number",  # each another: who was introduced is not introduced again
        "member": {name: member[name] for name in person if name in member},
        "candidates": [{name: other[name] for name in candidate if name in other} for other in others],
    }
    return json.dumps(asked, ensure_ascii=False)


def _sizes(database: Path) -> list[int]:
    """Bytes of all texts that each decision left in the tables."""
    with sqlite3.connect(database) as connection:
        found: dict[str, int] = {}
        for table, columns in TEXTS.items():
            key = "id" if table == "decisions" else "decision_id"
            total = " + ".join(f"coalesce(length(CAST({column} AS BLOB)), 0)" for column in columns)
            for decision, size in connection.execute(f"SELECT {key}, {total} FROM {table}"):
                found[decision] = found.get(decision, 0) + size
    if not found:
        raise NotMeasured("no decision was stored")
    return list(found.values())
