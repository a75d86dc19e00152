"""Checking and building 100 notebooks, as whole processes: from nothing, and when nothing changed.

`artemis build` holds every notebook against all rules; where CI runs `artemis check` before it, that is two processes.
"""

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
    yield from _compare(f"check + build of {COUNT} small notebooks, all rules", notebooks.small_use_case)
    yield from _compare(f"check + build of {COUNT} with three tasks, all rules", notebooks.use_case)


def _compare(name: str, cells: projects.MakeCells) -> Iterator[Result]:
    with projects.folder() as base:
        ours, peer = projects.artemis(base / "ours", COUNT, cells), projects.nbdev(base / "theirs", COUNT, cells)
        built = ours / "chalicelib" / "usecases", peer / "peer"
        build, export = _timed(ours, "artemis", "build"), _timed(peer, "nbdev-export")
        check = _timed(ours, "artemis", "check")
        for command, folder in zip((build, export), built, strict=True):
            command()
            _complete(folder)
        again = {"one process": build, "check, then build": lambda: check() + build()}
        turns = [_from_nothing(built[0], turn) for turn in again.values()] + [_from_nothing(built[1], export)]
        series = [Series(tuple(values)) for values in alternate(ROUNDS, *turns, *again.values(), check, export)]
        one, two, peer_full, one_again, two_again, check_again, peer_again = series
        yield Result(name, one, "nbdev-export", peer_full, ratio_limit=0.8)
        yield Result("… as two processes", two, "nbdev-export", peer_full)
        yield Result("… nothing changed", one_again, "nbdev-export", peer_again, ratio_limit=0.25)
        yield Result("… nothing changed, `artemis check`", check_again, "nbdev-export", peer_again, ratio_limit=0.25)
        yield Result("… nothing changed, as two processes", two_again, "nbdev-export", peer_again)


def _timed(project: Path, command: str, *arguments: str) -> Callable[[], float]:
    script = projects.script(command)

    def timed() -> float:
        started = time.perf_counter()
        projects.run(project, script, *arguments)
        return time.perf_counter() - started

    return timed


def _from_nothing(built: Path, build: Callable[[], float]) -> Callable[[], float]:
    def clean_build() -> float:
        shutil.rmtree(built)
        shutil.rmtree(built.parent.parent / ".artemis", ignore_errors=True)
        built.mkdir()
        taken = build()
        _complete(built)
        return taken

    return clean_build


def _complete(built: Path) -> None:
    found = len(list(built.glob("uc_*.py")))
    if found != COUNT:
        raise projects.NotMeasured(f"{found} of {COUNT} modules were built")
