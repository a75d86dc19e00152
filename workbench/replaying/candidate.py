"""Candidates: a use case's code under parameters, as data that can be sent to another process and loaded there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any

from chalicelib.errors import ContractError
from chalicelib.facts import canonical
from chalicelib.parameters import OVERRIDES
from chalicelib.usecase import Source, UseCase, from_namespace
from workbench.files import OWNED
from workbench.replaying.errors import CannotReplay

HEADER = OWNED.decode()


@dataclass(frozen=True)
class Candidate:
    """What may decide otherwise than what decided.

    Args:
        name: the use case's.
        code: the module's source.
        overrides: parameter -> value, of those that are not as the code has them.
        tasks: what each task's fingerprint is made of, as in the manifest.
        what: where it comes from, for people.
        asks: task -> what it asks of models, such as ``["moderation"]``.
    """

    name: str
    code: str
    overrides: dict[str, Any]
    notebook: str
    cells: tuple[tuple[int, int, int, str], ...]
    tasks: dict[str, dict[str, Any]]
    what: str = ""
    asks: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of_entry(
        cls, name: str, code: str, entry: Mapping[str, Any], overrides: dict[str, Any], what: str
    ) -> Candidate:
        """What was built, or would be. ``entry``: of the manifest."""
        asks = {step["name"]: list(step["asks"]) for step in entry["steps"] if step.get("asks")}
        cells = tuple(tuple(cell) for cell in entry["cells"])
        return cls(name, code, overrides, entry["notebook"], cells, entry["tasks"], what, asks)

    def under(self, overrides: dict[str, Any]) -> Candidate:
        """The same code under other parameters, too."""
        return replace(self, overrides={**self.overrides, **overrides})

    def load(self) -> UseCase:
        """Raises CannotReplay where it cannot be loaded."""
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return load(self)
        except ContractError as error:
            said = "; ".join(f"{fault.message}{f' ({fault.hint})' if fault.hint else ''}" for fault in error.faults)
            raise CannotReplay(f"{self.what}: {said}") from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise CannotReplay(f"{self.what} cannot be loaded: {type(error).__name__}: {error}") from None


def is_same_code(one: str, other: str) -> bool:
    """Whether two modules do the same, in whichever cells of whichever notebook it stands."""
    return one == other or _without_places(one) == _without_places(other)


def _without_places(code: str) -> list[str]:
    return [line for line in code.splitlines() if not line.startswith(("# %% ", HEADER)) and line.strip()]


def load(candidate: Candidate) -> UseCase:
    """A module of its own, which nothing else imports. Raises what the code raises."""
    digest = hashlib.sha256(f"{candidate.code}\0{canonical(candidate.overrides)}".encode()).hexdigest()[:12]
    module = ModuleType(f"replayed.{candidate.name}@{digest}")
    filename = f"<{candidate.notebook or candidate.name}>"
    vars(module)[OVERRIDES] = candidate.overrides
    sys.modules[module.__name__] = module  # forward references are looked up by the module's name
    try:
        exec(_compiled(candidate.code, filename), vars(module))  # noqa: S102
        source = Source(candidate.notebook, candidate.cells, candidate.tasks, filename)
        return from_namespace(candidate.name, vars(module), source, candidate.code.encode())
    except BaseException:
        del sys.modules[module.__name__]
        raise


@lru_cache(maxsize=8)
def _compiled(code: str, filename: str) -> CodeType:
    """Once for all parameters: looking for one that matters loads the same code many times."""
    return compile(code, filename, "exec", dont_inherit=True)


@contextlib.contextmanager
def loaded(candidate: Candidate) -> Iterator[UseCase]:
    """A use case for a while: afterwards its module is forgotten. Raises as ``Candidate.load``."""
    usecase = candidate.load()
    try:
        yield usecase
    finally:
        sys.modules.pop(usecase.graph.by_name["decide"].function.__module__, None)


def of_row(row: Any) -> Candidate:
    """The version that decided, as ``use_case_versions`` keeps it."""
    source = json.loads(row.source)
    cells = tuple(tuple(cell) for cell in source["cells"])
    parameters = json.loads(row.parameters)
    return Candidate(
        row.use_case, row.module, parameters, row.notebook, cells, source["tasks"], f"version {row.version}"
    )
