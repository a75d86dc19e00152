"""Making one use case: a notebook's bytes in; its module and its entry of the manifest out.

Nothing is read or written here, so that many can be made in several processes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from workbench import notebook as notebooks
from workbench.draft import draft
from workbench.files import digest
from workbench.problems import Problem
from workbench.rules import check

WORTH_SHARING = 20  # notebooks; fewer are made sooner than a second process is started


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a use case is made from. ``overrides``: stage -> its parameter overrides."""

    path: str
    name: str
    data: bytes
    overrides: dict[str, dict[str, Any]]


@dataclass(slots=True)
class Made:
    """A use case that was made, or with ``entry`` None the problems why it was not."""

    name: str
    code: str = ""
    entry: dict[str, Any] | None = None
    problems: list[Problem] = field(default_factory=list)


def make_all(ingredients: list[Ingredients], processes: int) -> Iterable[Made]:
    """Make every use case, in order; in several processes where that is worth it and safe."""
    if processes < 2 or len(ingredients) < WORTH_SHARING or sys.platform != "linux":
        return map(make, ingredients)
    import multiprocessing

    import workbench.examine  # before the fork, so that it is imported once  # noqa: F401

    with multiprocessing.get_context("fork").Pool(processes) as pool:
        return pool.map(make, ingredients, chunksize=1 + len(ingredients) // (4 * processes))


def make(ingredients: Ingredients) -> Made:
    """Read, check, render and load one notebook."""
    made = Made(ingredients.name)
    try:
        drafted = draft(notebooks.read(ingredients.path, ingredients.name, ingredients.data))
    except notebooks.Unreadable as error:
        made.problems.append(Problem(ingredients.path, 0, 0, 0, "notebook", error.message, error.hint))
        return made
    made.problems += check(drafted)
    if any(problem.severity == "error" for problem in made.problems):
        return made
    from workbench.examine import examine

    examined, problems = examine(drafted)
    made.problems += problems
    versions = _versions(ingredients, drafted.code, examined, made.problems) if examined else None
    if examined and versions is not None:
        made.code = drafted.code
        stamps = {"module": digest(made.code.encode()), "versions": versions}
        made.entry = examined.entry | stamps
    return made


def _versions(ingredients: Ingredients, code: str, examined: Any, problems: list[Problem]) -> dict[str, str] | None:
    """Stage -> the version it would serve; None when a stage's overrides do not fit."""
    from chalicelib.errors import ContractError
    from chalicelib.usecase import version_of

    versions, before = {}, len(problems)
    for stage, overrides in ingredients.overrides.items():
        try:
            if overrides:  # the defaults were validated when the module was loaded
                examined.parameters.check(overrides)
        except ContractError as error:
            path = f"usecases/stages/{stage}.yaml"
            for fault in error.faults:
                message = f"use_cases.{ingredients.name}.parameters: {fault.message}"
                problems.append(Problem(path, 0, 0, 0, "stage-parameters", message, fault.hint))
            continue
        versions[stage] = version_of(code.encode(), examined.usecase.parameters | overrides)
    return versions if len(problems) == before else None


def overrides_of(content: Any, name: str) -> dict[str, Any]:
    """A stage's parameter overrides of one use case, whichever way its name is written."""
    entries = content.get("use_cases") if isinstance(content, dict) else None
    found: dict[str, Any] = {}
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        if str(key).replace("-", "_") == name and isinstance(entry, dict):
            parameters = entry.get("parameters")
            found.update(parameters if isinstance(parameters, dict) else {})
    return found
