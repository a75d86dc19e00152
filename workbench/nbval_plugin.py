"""A pytest plugin beside nbval, for `artemis test`: what nbval gets wrong, and failures as data.

nbval waits for a dead kernel until the cell's timeout; this asks every half second whether it lives.
nbval passes over pictures; this compares them. nbval runs `skip-execution` cells; this does not. Each test is named by
the cell's number over all cells and its id, and what came out is written as JSON, one line a cell, to the file that
`--artemis-report` names.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from nbval import plugin as nbval
from nbval.kernel import RunningKernel

from workbench.testing.outputs import differences

ALIVE = 0.5  # seconds between two looks at a kernel

_get_message = RunningKernel.get_message
_compare = nbval.IPyNbCell.compare_outputs


class KernelDied(Exception):
    """The kernel's process ended while its cell ran."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--artemis-report", default=None, help="file for what came out of each cell")


def pytest_configure(config: pytest.Config) -> None:
    RunningKernel.get_message = get_message
    nbval.IPyNbCell.compare_outputs = compare_outputs
    path = config.getoption("--artemis-report")
    if path and not hasattr(config, "workerinput"):  # reports of xdist's workers come to the controller
        config.pluginmanager.register(Collector(Path(path)), "artemis-collector")


def get_message(kernel: Any, stream: str, timeout: float | None = None) -> Any:
    """As nbval's, but a dead kernel ends the waiting. Raises KernelDied, or Empty when it is late."""
    until = time.monotonic() + (float("inf") if timeout is None else timeout)
    while True:
        try:
            return _get_message(kernel, stream, timeout=max(min(ALIVE, until - time.monotonic()), 0.001))
        except Empty:
            if not kernel.is_alive():
                raise KernelDied from None
            if time.monotonic() >= until:
                raise


def compare_outputs(item: Any, test: Any, ref: Any, skip_compare: Any = None) -> bool:
    """As nbval's, and pictures, too. What differs is kept with the test."""
    same = bool(_compare(item, test, ref, skip_compare))
    found = differences(ref, test, item.sanitize, item.parent.skip_compare)
    item.artemis_differences = found
    pictures = [one for one in found if one["picture"]]
    if same and pictures:
        item.comparison_traceback.append("a picture differs")
        return False
    return same


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not isinstance(item, nbval.IPyNbCell):
            continue
        number = _number(item)
        item.artemis = {"cell": number, "cell_id": item.cell.get("id", f"#{number}")}
        if "skip-execution" in (item.cell.metadata.get("tags") or []):
            item.options["skip"] = True


def _number(item: Any) -> int:
    """The cell's number over all cells, 1-based: nbval counts code cells, from 0."""
    code = [number for number, cell in enumerate(item.parent.nb.cells, 1) if cell.cell_type == "code"]
    found: int = code[item.cell_num]
    return found


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    outcome: Any = yield
    if not hasattr(item, "artemis"):
        return
    report = outcome.get_result()
    error = call.excinfo.value if call.excinfo else None
    report.artemis = {
        **item.artemis,
        "notebook": item.path.name,
        "when": call.when,
        "outcome": "not run" if hasattr(report, "wasxfail") else report.outcome,
        "kind": type(error).__name__ if error else "",
        "message": str(error) if error else "",
        "traceback": str(getattr(error, "inner_traceback", None) or ""),
        "differences": getattr(item, "artemis_differences", []),
        "seconds": call.duration,
        "source": item.cell.source,
    }


class Collector:
    """Writes what comes out, as it comes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pytest_runtest_logreport(self, report: Any) -> None:
        data = getattr(report, "artemis", None)
        if data is None and report.failed:  # a worker that died
            data = {"notebook": Path(report.nodeid.split("::")[0]).name, "cell": 0, "cell_id": "", "kind": "crash"}
            data |= {"when": "call", "outcome": "failed", "message": str(report.longrepr), "seconds": 0.0, "source": ""}
            data |= {"traceback": "", "differences": []}
        if data is not None and (data["when"] == "call" or data["outcome"] != "passed"):
            self._write(data)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            notebook = Path(report.nodeid.split("::")[0]).name
            self._write({"notebook": notebook, "when": "collect", "message": report.longreprtext})

    def _write(self, data: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(data) + "\n")
