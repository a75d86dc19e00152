"""`python -m benchmarks [NAME ...] [--json]`. Exit code 1 only when something could not be measured."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib import import_module
from time import perf_counter

from rich.console import Console

from benchmarks.measure import Result, table
from benchmarks.projects import NotMeasured

NAMES = ("cold", "warm", "store", "engine", "large", "models", "build", "testing", "replay", "shipped", "served")


def main() -> int:
    """Measure what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure us and a peer, in one run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; default: all")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; known: {', '.join(NAMES)}")
    results, failures = _measure(arguments.names or list(NAMES))
    if arguments.json:
        content = {"machine": _machine(), "results": [result.as_dict() for result in results], "failures": failures}
        print(json.dumps(content, ensure_ascii=False, indent=1))
    else:
        _print(results, failures)
    return 1 if failures else 0


def _measure(names: list[str]) -> tuple[list[Result], dict[str, str]]:
    results: list[Result] = []
    failures: dict[str, str] = {}
    progress = Console(stderr=True)
    for name in names:
        started = perf_counter()
        try:
            results += import_module(f"benchmarks.{name}").run()
        except (NotMeasured, ImportError, OSError) as error:
            failures[name] = f"{type(error).__name__}: {error}"
        progress.print(f"[dim]{name}: {perf_counter() - started:.0f} s[/]")
    return results, failures


def _print(results: list[Result], failures: dict[str, str]) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    if results:
        table(results, console)
    for name, message in failures.items():
        console.print(f"{name} could not be measured: {message}", style="red", markup=False)
    met = [result.met for result in results if result.met is not None]
    console.print(f"{sum(met)} of {len(met)} targets met on {_machine()}")


def _machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
