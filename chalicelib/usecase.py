"""What a notebook imports: ``task``, ``Photo``, ``Subject``, ``Sensitive``; and how its module is loaded.

A use case is one generated module with bound parameters. Two parameter sets are two modules
under two names in ``sys.modules``; nothing is ever mutated.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Final, TypeVar, overload

from pydantic import BaseModel, Field

from chalicelib import durations
from chalicelib.errors import ContractError, Fault
from chalicelib.facts import canonical
from chalicelib.graph import Graph, Step, SubjectMark, resolve
from chalicelib.history import History, PastDecision, PastLabel, PastResult
from chalicelib.intake import unrecordable_fields
from chalicelib.marks import is_sensitive, mentions_mark, misplaced
from chalicelib.parameters import OVERRIDES, PARAMETERS, bind
from chalicelib.photo import Photo
from chalicelib.sensitive import Sensitive

__all__ = [
    "History",
    "PastDecision",
    "PastLabel",
    "PastResult",
    "Photo",
    "Sensitive",
    "Subject",
    "UseCase",
    "bind",
    "load",
    "task",
]

Function = TypeVar("Function", bound=Callable[..., Any])

Subject = Annotated[
    str,
    Field(min_length=1, max_length=200, description="whose decision this is: history is looked up by it"),
    SubjectMark(),
]


class _Required:
    """No fallback: the task's failure is the decision's failure. ``None`` is a fallback like any."""

    def __repr__(self) -> str:
        return "no fallback"


REQUIRED: Final = _Required()


@dataclass(frozen=True, slots=True)
class Task:
    """How a task is run: ``timeout`` in seconds (None: the request's remaining time).

    ``reuse``: how many seconds old an answer may be that its calls take from the store (None: as the stage says).
    """

    timeout: float | None = None
    fallback: Any = REQUIRED
    reuse: float | None = None

    @property
    def has_fallback(self) -> bool:
        return self.fallback is not REQUIRED


@overload
def task(function: Function, /) -> Function: ...
@overload
def task(
    *, timeout: float | None = None, fallback: Any = REQUIRED, reuse: str | None = None
) -> Callable[[Function], Function]: ...
def task(
    function: Function | None = None,
    /,
    *,
    timeout: float | None = None,
    fallback: Any = REQUIRED,
    reuse: str | None = None,
) -> Function | Callable[[Function], Function]:
    """Mark a step as a task: it calls a model or reads the world, and its result is recorded.

    The function itself is unchanged and can be called by hand with plain values or a fake.

    Args:
        timeout: seconds after which the task is late; default: the request's remaining time.
        fallback: the value to go on with when the task fails or is late. It must fit the return
            annotation. Without one, the failure is the decision's.
        reuse: how old an answer may be that its calls of ``models`` take from earlier decisions instead of paying
            again, such as ``"30d"``; ``"0d"``: none. Default: what the stage file says.
    """
    if timeout is not None and not _is_duration(timeout):
        raise ValueError(f"@task(timeout={timeout!r}): give a positive number of seconds")

    age = None if reuse is None else durations.seconds(reuse)

    def mark(function: Function) -> Function:
        function.__artemis_task__ = Task(timeout, fallback, age)  # type: ignore[attr-defined]
        return function

    return mark if function is None else mark(function)


def _is_duration(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a notebook: ``cell`` is 1-based over all cells, ``line`` 1-based in the cell."""

    notebook: str
    cell: int
    cell_id: str
    line: int

    def __str__(self) -> str:
        return f"{self.notebook}, cell {self.cell}, line {self.line}"


@dataclass(frozen=True, slots=True)
class Source:
    """What the build knows of a module beyond its code (an entry of the manifest).

    ``cells``: (first module line, last module line, cell number, cell id) of each rendered cell.
    ``tasks``: task -> {"source": digest of all it reaches, "parameters": names it reaches}.
    ``filename`` is what its code objects name as their file.
    """

    notebook: str = ""
    cells: tuple[tuple[int, int, int, str], ...] = ()
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    filename: str = ""

    def place(self, filename: str, line: int) -> Place | None:
        """The notebook's place of a 1-based line of a file; None for other files and lines of no cell."""
        if filename != self.filename:
            return None
        for first, last, number, cell_id in self.cells:
            if first <= line <= last:
                return Place(self.notebook, number, cell_id, line - first + 1)
        return None


@dataclass(frozen=True)
class UseCase:
    """One use case, ready to decide: its models, its graph, its bound parameters, its version."""

    name: str
    version: str
    parameters: dict[str, Any]
    graph: Graph
    source: Source
    fingerprints: dict[str, str]
    code: bytes = field(default=b"", repr=False)  # the module's source; of a notebook there is none

    @property
    def request_model(self) -> type[BaseModel]:
        return self.graph.request_model

    @cached_property
    def sensitive(self) -> bool:
        """Whether some of what its decisions leave behind is stored encrypted."""
        return is_sensitive(self.graph)

    def place_of(self, error: BaseException) -> Place | None:
        """Where in the notebook an exception left this use case's code: its innermost frame there."""
        place, traceback = None, error.__traceback__
        while traceback is not None:
            filename = traceback.tb_frame.f_code.co_filename
            place = self.source.place(filename, traceback.tb_lineno) or place
            traceback = traceback.tb_next
        return place

    def place_of_step(self, step: Step) -> Place | None:
        """Where a step is defined."""
        code = step.function.__code__
        return self.source.place(code.co_filename, code.co_firstlineno)


def from_namespace(name: str, namespace: dict[str, Any], source: Source, code: bytes = b"") -> UseCase:
    """A use case from executed code: a generated module's namespace, or a notebook's.

    Raises ContractError with every fault of the graph.
    """
    bound = namespace.get(PARAMETERS)
    parameters = dict(bound.values) if bound else {}
    graph = resolve(name, namespace, frozenset(parameters))
    if lacking := unrecordable_fields(graph.request_model):
        message = f"excluded from the record of the request: {', '.join(lacking)}"
        raise ContractError(
            name, [Fault("request-record", message, "drop exclude=True: a request is stored as validated")]
        )
    if (is_sensitive(graph) or mentions_mark(graph)) and (faults := misplaced(graph)):
        raise ContractError(name, faults)
    fingerprints = {step: fingerprint(entry, parameters) for step, entry in source.tasks.items()}
    return UseCase(name, version_of(code, parameters), parameters, graph, source, fingerprints, code)


def version_of(code: bytes, parameters: dict[str, Any]) -> str:
    """The version: which code and which parameters, 16 hex digits."""
    return hashlib.sha256(code + b"\0" + canonical(parameters).encode()).hexdigest()[:16]


def fingerprint(entry: dict[str, Any], parameters: dict[str, Any]) -> str:
    """Digest of a task: what it reaches, as its entry says, and the parameters among that."""
    reached = canonical({name: parameters[name] for name in entry["parameters"]})
    return hashlib.sha256(f"{entry['source']}\0{reached}".encode()).hexdigest()


def load(name: str, path: Path, overrides: dict[str, Any] | None = None, source: Source | None = None) -> UseCase:
    """Import a generated module under parameter overrides, as a module of its own.

    Raises ContractError when it breaks the contract; whatever its code raises otherwise.
    """
    module = _import(name, path, overrides or {})
    placed = replace(source or Source(), filename=str(path))
    try:
        return from_namespace(name, vars(module), placed, path.read_bytes())
    except ContractError as error:
        for fault in error.faults:
            if place := placed.place(placed.filename, fault.line):
                error.add_note(f"  {place}: {fault.message}")
        raise


def _import(name: str, path: Path, overrides: dict[str, Any]) -> ModuleType:
    try:
        digest = hashlib.sha256(canonical(overrides).encode()).hexdigest()[:12]
    except (TypeError, ValueError) as error:
        fault = Fault("parameters", f"an override is not a finite JSON value: {error}")
        raise ContractError(name, [fault]) from error
    own = f"frozen.{path.stem}" if path.parent.name == "frozen" else name  # loaded beside the present contract
    qualified = f"chalicelib.usecases.{own}@{digest}"
    spec = importlib.util.spec_from_file_location(qualified, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    vars(module)[OVERRIDES] = overrides
    sys.modules[qualified] = module  # forward references are looked up by the module's name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[qualified]
        raise
    return module
