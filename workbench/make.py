"""Making one use case: a notebook's bytes in; its module and its entry of the manifest out.

Nothing is read or written here, so that many can be made in several processes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench import notebook as notebooks
from workbench.draft import Draft, draft
from workbench.files import digest
from workbench.news import news
from workbench.problems import Problem
from workbench.rules import check
from workbench.rules.optout import settle
from workbench.share import share

WORTH_SHARING = 20  # notebooks; fewer are made sooner than a second process is started


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a use case is made from.

    ``overrides``: stage -> its parameter overrides. ``requirements``: the packages that
    requirements.txt names, normalised; None where there is no such file. ``answered``: stage -> the names that its
    file has under ``providers:``. ``challengers``: stage -> challenger -> the parameters that it sets.
    """

    path: str
    name: str
    data: bytes
    overrides: dict[str, dict[str, Any]]
    requirements: frozenset[str] | None = None
    answered: Mapping[str, frozenset[str]] = field(default_factory=dict)
    challengers: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)


@dataclass(slots=True)
class Made:
    """A use case that was made, or with ``entry`` None the problems why it was not."""

    name: str
    code: str = ""
    entry: dict[str, Any] | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def bad_stages(self) -> list[str]:
        """The stages whose overrides do not fit this use case."""
        paths = {problem.notebook for problem in self.problems if problem.rule == "stage-parameters"}
        return sorted(path.removeprefix("usecases/stages/").removesuffix(".yaml") for path in paths)


def make_all(ingredients: list[Ingredients], processes: int) -> Iterable[Made]:
    """Make every use case, in order; in several processes where that is worth it and safe."""
    if processes < 2 or len(ingredients) < WORTH_SHARING or sys.platform != "linux":
        return map(make, ingredients)
    return share(make, ingredients, processes)


def make(ingredients: Ingredients) -> Made:
    """Read, check, render and load one notebook."""
    made = Made(ingredients.name)
    try:
        notebook = notebooks.read(ingredients.path, ingredients.name, ingredients.data)
    except notebooks.Unreadable as error:
        made.problems.append(Problem(ingredients.path, 0, 0, 0, "notebook", error.message, error.hint))
        return made
    drafted = draft(notebook, ingredients.requirements, ingredients.answered)
    try:
        _check_and_load(ingredients, drafted, made)
    except RecursionError:
        message, hint = "the code is nested too deeply to be looked at", "split the longest expression"
        made.problems.append(Problem(ingredients.path, 0, 0, 0, "syntax", message, hint))
    made.problems = settle(notebook, made.problems)
    if any(problem.severity == "error" for problem in made.problems):
        made.entry = None
    return made


def _check_and_load(ingredients: Ingredients, drafted: Draft, made: Made) -> None:
    made.problems += check(drafted)
    if not drafted.parses or isinstance(drafted.compiled, Exception):
        return
    from workbench.examine import examine  # when there is something to load: it costs an import of pydantic

    examined, problems = examine(drafted)
    # what a line opted out of explains no failure to load
    made.problems += news(drafted, settle(drafted.notebook, made.problems), problems)
    if examined is None:
        return
    versions = _versions(ingredients, drafted.code, examined, made.problems)
    made.code = drafted.code
    made.entry = examined.entry | {"module": digest(made.code.encode()), "versions": versions}


def _versions(ingredients: Ingredients, code: str, examined: Any, problems: list[Problem]) -> dict[str, str]:
    """Stage -> the version it would serve; a problem where its overrides do not fit."""
    from chalicelib.usecase import version_of

    versions = {}
    for stage, overrides in ingredients.overrides.items():
        found = list(_misfits(ingredients, stage, "parameters", examined.parameters, overrides))
        if not found:
            for name, more in ingredients.challengers.get(stage, {}).items():
                own = f"challengers.{name}"
                found += _misfits(ingredients, stage, own, examined.parameters, {**overrides, **more})
        problems += found
        if not found:
            versions[stage] = version_of(code.encode(), examined.usecase.parameters | overrides)
    return versions


def _misfits(
    ingredients: Ingredients, stage: str, key: str, parameters: Any, overrides: dict[str, Any]
) -> Iterator[Problem]:
    """A problem for each override that does not fit."""
    from chalicelib.errors import ContractError

    try:
        if overrides:  # the defaults were validated when the module was loaded
            parameters.check(overrides)
    except ContractError as error:
        path = f"usecases/stages/{stage}.yaml"
        for fault in error.faults:
            message = f"use_cases.{ingredients.name}.{key}: {fault.message}"
            yield Problem(path, 0, 0, 0, "stage-parameters", message, fault.hint)
