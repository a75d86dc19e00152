"""Executing a plan: papermill injects the parameters and runs the cells, and we look over its shoulder.

Its own verdict is not asked for: it fails a notebook for a ``raises-exception`` cell and passes one
that ended with ``sys.exit(0)``. The kernel is this environment's Python whatever the notebook names;
its standard error goes to a file, since ipykernel warns there, and is told when a kernel dies.
"""

from __future__ import annotations

import ast
import json
import logging
import os
import signal
import tempfile
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import reads
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.execute import execute_notebook
from papermill.translators import PythonTranslator, papermill_translators

from workbench.datasets import chosen
from workbench.notebook import Cell
from workbench.validation.failure import Failure, at_cell, first_error, raised
from workbench.validation.plan import Plan

KERNEL = "python3"
INJECTED = "injected-parameters"
READ = '__import__("workbench.validation.metrics", fromlist=["collect"]).collect(get_ipython(), {count})'

Tell = Callable[[str, int, int], None]  # use case, cells begun, cells in all
UNASKED = "--dataset was given, and the notebook never asked for it: `from workbench import dataset`, dataset(…)"
CAUSES = "out of memory, a crash in native code, or os._exit"


@dataclass
class Executed:
    """A run. ``notebook`` is nbformat's; ``numbers`` its cells' numbers in the source, 0 for the injected one."""

    plan: Plan
    notebook: Any = None
    numbers: list[int] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    metrics: dict[str, Any] | None = None
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return not self.failures


class Literals(PythonTranslator):  # type: ignore[misc]
    """Values as Python writes them: papermill's own makes a text of a tuple."""

    @classmethod
    def translate(cls, val: Any) -> str:
        return repr(val)


class Kernels:
    """The kernels that run now, so that all can be ended at once."""

    def __init__(self) -> None:
        self.stopped = False
        self._running: set[int] = set()
        self._lock = threading.Lock()

    def note(self, process: int | None) -> None:
        """A kernel runs. Raises DeadKernelError when all were ended meanwhile."""
        if process:
            with self._lock:
                self._running.add(process)
        if self.stopped:
            raise DeadKernelError("stopped")

    def forget(self, process: int | None) -> None:
        with self._lock:
            self._running.discard(process or 0)

    def stop(self) -> None:
        """End them and what they started; none is begun after this."""
        self.stopped = True
        with self._lock:
            for process in self._running:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process, signal.SIGKILL)


class Watch:
    """What is seen of one run: which cell runs, and what the metrics cell gave."""

    def __init__(self, executed: Executed, limit: float, tell: Tell, kernels: Kernels) -> None:
        self.executed, self.limit, self.tell, self.kernels = executed, limit, tell, kernels
        self.client: Any = None
        self.process: int | None = None
        self.at: Cell | None = None

    def started(self, cell: Any, cell_index: int) -> None:
        self.process = getattr(self.client.km.provisioner, "pid", None)
        self.kernels.note(self.process)
        number = self.executed.numbers[cell_index]
        self.at = self.executed.plan.notebook.cells[number - 1] if number else None
        self.tell(self.executed.plan.name, cell_index, len(self.executed.numbers))

    async def ran(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        """After each cell; after the metrics cell its value is asked for, before a later cell changes it."""
        content = execute_reply["content"]
        if self.at is None or "metrics" not in self.at.tags or content["status"] != "ok":
            return
        expression = READ.format(count=content["execution_count"])
        message = self.client.kc.execute("", silent=True, user_expressions={"metrics": expression})
        reply = await self.client.async_wait_for_reply(message, cell)
        found = reply["content"].get("user_expressions", {}).get("metrics", {}) if reply else {}
        if found.get("status") == "ok":
            self.executed.metrics = json.loads(ast.literal_eval(found["data"]["text/plain"]))
        else:
            said = found.get("evalue") or "the kernel did not answer"
            self.executed.failures.append(at_cell("metrics", said, self.at, _last_line(self.at)))


def _last_line(cell: Cell) -> int:
    try:
        body = ast.parse(cell.source).body
    except SyntaxError:
        return 0
    return body[-1].lineno if body else 0


class WatchedEngine(NBClientEngine):  # type: ignore[misc]
    """papermill's own engine, with a stage in the kernel's environment and a watch over its cells."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, watch: Watch, errors: Any, **_: Any) -> None:
        plan = watch.executed.plan
        watch.client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            timeout=watch.limit,
            startup_timeout=60,
            shutdown_kernel="immediate",
            on_cell_start=watch.started,
            on_cell_executed=watch.ran,
        )
        with chosen(plan.dataset) as choice:
            cls._execute(watch, {**os.environ, "ARTEMIS_STAGE": plan.stage, **choice.environment}, errors)
            if choice.ignored:
                watch.executed.failures.append(Failure("dataset", UNASKED))

    @classmethod
    def _execute(cls, watch: Watch, environment: dict[str, str], errors: Any) -> None:
        plan = watch.executed.plan
        try:
            watch.client.execute(env=environment, cwd=str(plan.folder), stderr=errors)
        finally:
            watch.kernels.forget(watch.process)


papermill_engines.register("artemis", WatchedEngine)
papermill_translators.register("python", Literals)
for _name in ("papermill", "traitlets", "asyncio"):  # what they warn of is checked before, or told as a failure
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def execute(plan: Plan, limit: float, tell: Tell, kernels: Kernels) -> Executed:
    """Run a plan; ``limit`` is in seconds for each cell. What goes wrong is in ``failures``."""
    executed = Executed(plan)
    began = perf_counter()
    with tempfile.TemporaryFile() as errors:
        watch = Watch(executed, limit, tell, kernels)
        try:
            _prepare(executed)
            papermill_engines.execute_notebook_with_engine(
                "artemis", executed.notebook, KERNEL, progress_bar=False, watch=watch, errors=errors
            )
        except CellTimeoutError:
            _append(watch, "timeout", f"the cell ran longer than {limit:g} s and was ended (--cell-timeout)")
        except DeadKernelError:
            _append(watch, "died", f"the kernel died while it ran this cell ({CAUSES}){_tail(errors)}")
        except Exception as error:
            _append(watch, "kernel", f"the notebook could not be run: {type(error).__name__}: {error}{_tail(errors)}")
    executed.failures += _raised(executed)
    executed.seconds = perf_counter() - began
    return executed


def _prepare(executed: Executed) -> None:
    """The notebook with its parameters injected; a cell that an earlier papermill injected is left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cells without an id
        source = reads(executed.plan.data.decode("utf-8-sig"), as_version=4)  # type: ignore[no-untyped-call]
        kept = [n for n, cell in enumerate(source.cells, 1) if INJECTED not in cell.get("metadata", {}).get("tags", ())]
        source.cells = [source.cells[number - 1] for number in kept]
        executed.notebook = execute_notebook(
            source, None, executed.plan.overrides, prepare_only=True, kernel_name=KERNEL, language="python"
        )
    for index, cell in enumerate(executed.notebook.cells):
        if INJECTED in cell.metadata.get("tags", ()):
            kept.insert(index, 0)
    executed.numbers = kept


def _append(watch: Watch, kind: str, message: str) -> None:
    failure = at_cell(kind, message, watch.at) if watch.at else Failure(kind, message)
    watch.executed.failures.append(failure)


def _tail(errors: Any) -> str:
    """The last line that the kernel wrote to its standard error, ipykernel's own left out."""
    errors.seek(0)
    lines = errors.read().decode("utf-8", "replace").splitlines()
    own = [line.strip() for line in lines if line.strip() and "[IPKernelApp]" not in line]
    return f"; it said: {own[0] if own[0].startswith('Fatal') else own[-1]}" if own else ""


def _raised(executed: Executed) -> list[Failure]:
    """The cell that papermill stopped at, if it did."""
    cells = executed.plan.notebook.cells
    pairs = list(zip(executed.notebook.cells if executed.notebook else (), executed.numbers, strict=False))
    by_count = {
        cell.execution_count: cells[number - 1] for cell, number in pairs if number and cell.get("execution_count")
    }
    failed = [pair for pair in pairs if pair[0].metadata.get("papermill", {}).get("exception") is True]
    return [_failure(cell, cells[number - 1] if number else None, by_count) for cell, number in failed]


def _failure(cell: Any, ours: Cell | None, by_count: dict[int, Cell]) -> Failure:
    output = first_error(cell.get("outputs", ())) or {"ename": "the cell failed"}
    if ours is None:
        return Failure("kernel", f"the injected parameters fail: {output['ename']}")
    return raised(output, ours, cell.get("execution_count"), by_count)
