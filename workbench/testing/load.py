"""A use case twice: as the notebook has it, and as it was built, under the same parameters.

The notebook's exported cells are executed one after another in one namespace, as a kernel would,
with the overrides right after the parameters cell; nothing else of the notebook is run.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from chalicelib.errors import ArtemisError, ContractError
from chalicelib.manifest import Manifest
from chalicelib.parameters import OVERRIDES, bind
from chalicelib.usecase import Source, UseCase, from_namespace
from chalicelib.usecase import load as load_module
from workbench.draft import PARAMETERS, Draft
from workbench.testing.results import Fault

FUTURE = 0xFFF0000  # the compiler flags that `from __future__` sets: a kernel keeps them from cell to cell


class NotLoaded(Exception):
    """A use case cannot be loaded."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.message)


@contextlib.contextmanager
def of_notebook(draft: Draft, overrides: dict[str, Any]) -> Iterator[UseCase]:
    """The use case as a kernel would have it. Raises NotLoaded."""
    module = ModuleType(f"artemis_cells.{draft.notebook.name}")
    sys.modules[module.__name__] = module  # pydantic looks forward references up there
    try:
        with contextlib.redirect_stdout(sys.stderr):
            usecase = _load_cells(draft, overrides, vars(module))
        yield usecase
    finally:
        del sys.modules[module.__name__]


def _load_cells(draft: Draft, overrides: dict[str, Any], namespace: dict[str, Any]) -> UseCase:
    try:
        namespace[OVERRIDES] = overrides
        _execute(draft, namespace)
        source = Source(draft.notebook.path, tuple(draft.lines), {}, draft.filename)
        return from_namespace(draft.notebook.name, namespace, source, draft.code.encode())
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise NotLoaded(_fault(draft, error)) from None


def _execute(draft: Draft, namespace: dict[str, Any]) -> None:
    flags = 0
    for parsed in draft.exported:
        if parsed.tree is None:
            raise parsed.error or SyntaxError("the cell does not parse")
        code = compile(parsed.tree, draft.filename, "exec", flags, dont_inherit=True)
        flags |= code.co_flags & FUTURE
        exec(code, namespace)  # noqa: S102
        if PARAMETERS in parsed.cell.tags:
            bind(namespace, *draft.parameters)


def _fault(draft: Draft, error: BaseException) -> Fault:
    if isinstance(error, ContractError):
        message = "; ".join(fault.message for fault in error.faults)
        return Fault(f"the notebook cannot be loaded: {message}", place=draft.notebook.path)
    message = f"the notebook's exported code raises {type(error).__name__}: {error}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == draft.filename]
    parsed, line = draft.place(frames[-1].lineno or 0) if frames else (None, 0)
    if parsed is None:
        return Fault(message, place=draft.notebook.path)
    return Fault(message, place=draft.notebook.path, cell=parsed.cell.number, cell_id=parsed.cell.id, line=line)


def of_module(manifest: Manifest, name: str, overrides: dict[str, Any]) -> UseCase:
    """The use case as it was built. Raises NotLoaded."""
    path = f"chalicelib/usecases/{name}.py"
    if name not in manifest.use_cases:
        raise NotLoaded(Fault(f"{name} is not built", hint="run `artemis build`", place=path))
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return load_module(name, manifest.folder / f"{name}.py", overrides, manifest.source(name))
    except FileNotFoundError:
        raise NotLoaded(Fault(f"{path} is not there", hint="run `artemis build`", place=path)) from None
    except ArtemisError as error:
        raise NotLoaded(Fault(f"the built module cannot be loaded: {error}", place=path)) from None
    except Exception as error:
        message = f"the built module raises {type(error).__name__}: {error}"
        raise NotLoaded(Fault(message, hint="run `artemis build`", place=path)) from None
