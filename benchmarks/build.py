"""Building 100 notebooks, as whole processes: from nothing, and when nothing changed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import notebooks, projects
from benchmarks.measure import Result, Series, alternate

ROUNDS, COUNT = 9, 100


def run() -> Iterator[Result]:
    """`artemis build`, which checks and loads every notebook, and `nbdev-export`, which copies cells."""
    yield from _compare(f"build of {COUNT} small notebooks", notebooks.small_use_case)
    yield from _compare(f"build of {COUNT} with three tasks", notebooks.use_case)


def _compare(name: str, cells: projects.MakeCells) -> Iterator[Result]:
    with projects.folder() as base:
        ours, peer = projects.artemis(base / "ours", COUNT, cells), projects.nbdev(base / "theirs", COUNT, cells)
        ours_built, peer_built = ours / "chalicelib" / "usecases", peer / "peer"
        builds = _build(ours, "artemis", "build"), _build(peer, "nbdev-export")
        for build in builds:
            build()
        for built in (ours_built, peer_built):
            _complete(built)
        turns = (_from_nothing(ours_built, builds[0]), _from_nothing(peer_built, builds[1]), *builds)
        full, peer_full, again, peer_again = (Series(tuple(values)) for values in alternate(ROUNDS, *turns))
        yield Result(name, full, "nbdev-export", peer_full, ratio_limit=0.8)
        yield Result("… nothing changed", again, "nbdev-export", peer_again, ratio_limit=0.3)


def _build(project: Path, command: str, *arguments: str) -> Callable[[], float]:
    script = projects.script(command)

    def build() -> float:
        started = time.perf_counter()
        projects.run(project, script, *arguments)
        return time.perf_counter() - started

    return build


def _from_nothing(built: Path, build: Callable[[], float]) -> Callable[[], float]:
    def clean_build() -> float:
        shutil.rmtree(built)
        built.mkdir()
        taken = build()
        _complete(built)
        return taken

    return clean_build


def _complete(built: Path) -> None:
    found = len(list(built.glob("uc_*.py")))
    if found != COUNT:
        raise projects.NotMeasured(f"{found} of {COUNT} modules were built")
