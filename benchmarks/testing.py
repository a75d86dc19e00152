"""Testing 30 trivial notebooks: `artemis test`, its tiers without kernels, and pytest with nbval as a peer."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import notebooks, projects
from benchmarks.measure import Result, Series, alternate

ROUNDS, COUNT = 2, 30
WHEN = "2026-01-31T12:00:00+00:00"
REQUEST = {"user_id": "u-1042", "score": 0.72}


def run() -> Iterator[Result]:
    """`artemis test` and plain serial `pytest --nbval`, over the same notebooks, each with a recorded case."""
    with projects.folder() as base:
        ours = projects.artemis(base / "ours", COUNT, notebooks.small_use_case)
        shutil.copy(projects.ROOT / "requirements.txt", ours)
        projects.run(ours, projects.script("artemis"), "build")
        _mark_as_run(ours)
        _record(ours)
        projects.run(ours, projects.script("artemis"), "build")
        artemis = projects.script("artemis")
        sides = (
            _timed(ours, artemis, "test"),
            _timed(ours, artemis, "test", "--tier", "rules", "--tier", "cases"),
            _timed(ours, sys.executable, "-m", "pytest", "-q", "--nbval", "usecases"),
        )
        whole, quick, peer = (Series(tuple(values)) for values in alternate(ROUNDS, *sides))
        yield Result(f"test of {COUNT} trivial notebooks", whole, "pytest --nbval", peer, ratio_limit=0.6)
        yield Result("… rules and cases alone", quick, "pytest --nbval", peer, ratio_limit=0.12)


def _timed(project: Path, *command: str | Path) -> Callable[[], float]:
    def turn() -> float:
        started = time.perf_counter()
        projects.run(project, *command)
        return time.perf_counter() - started

    return turn


def _mark_as_run(project: Path) -> None:
    """Give every cell what a saved run leaves: an execution count, and the output of the one that prints."""
    for path in (project / "usecases").glob("*.ipynb"):
        content = json.loads(path.read_bytes())
        code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        for count, cell in enumerate(code, 1):
            cell["execution_count"] = count
        printed = "".join(code[-1]["source"]).removeprefix("print(").removesuffix(")") + "\n"
        code[-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [printed]}]
        path.write_text(json.dumps(content))


def _record(project: Path) -> None:
    """A case for each use case: twice 0.72 is over the threshold."""
    folder = project / "usecases" / "cases"
    folder.mkdir()
    for path in sorted((project / "usecases").glob("*.ipynb")):
        case = {"id": path.stem, "use_case": path.stem, "request": REQUEST, "now": WHEN, "facts": {}}
        (folder / f"{path.stem}.jsonl").write_text(json.dumps(case | {"expected": {"outcome": "reject"}}) + "\n")
