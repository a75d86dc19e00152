"""The plan: what will be run, under which parameters; or every reason why it will not.

Nothing here starts a kernel. The parameters go through the same strict validation as the build's,
so what papermill is given has the values and the types that the service would use.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chalicelib.errors import ContractError
from workbench import notebook as notebooks
from workbench import stages
from workbench.datasets import Dataset
from workbench.draft import draft
from workbench.find import find
from workbench.make import Ingredients, make
from workbench.notebook import Notebook
from workbench.problems import Problem
from workbench.project import Project, requirements
from workbench.stage_places import placed


class Refused(Exception):
    """The notebook or the stage file has problems; no kernel was started."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("; ".join(problem.message for problem in self.problems))


class BadSetting(ValueError):
    """A stage or a ``--set`` that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Plan:
    """One notebook under one stage. ``overrides`` are literals; ``changes``: parameter -> (default, in force).

    ``dataset``: what it is to be evaluated on; None: its own.
    """

    notebook: Notebook
    data: bytes
    stage: str
    folder: Path
    version: str
    parameters: dict[str, Any]
    overrides: dict[str, Any]
    changes: dict[str, tuple[Any, Any]]
    dataset: Dataset | None = None

    @property
    def label(self) -> str:
        """What its files are called: runs on a dataset are kept apart from those without."""
        return f"{self.name}.{self.dataset.slug}" if self.dataset else self.name

    @property
    def name(self) -> str:
        return self.notebook.name


def settings_of(texts: tuple[str, ...]) -> dict[str, Any]:
    """``name=value`` texts -> overrides; values are JSON. Raises BadSetting."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise BadSetting(f"--set {text}: write name=value, such as --set nudity_reject=0.9")
        try:
            found[name] = json.loads(value, parse_constant=_refuse_constant)
        except ValueError:
            hint = f"""a text needs quotes: --set '{name}="{value}"'"""
            raise BadSetting(f"--set {text}: {value!r} is not a JSON value; {hint}") from None
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def read_stage(project: Project, stage: str) -> Any:
    """A stage file's content, checked. Raises BadSetting without such a file, Refused with its problems."""
    known = {path.stem: path for path in sorted(project.stages.glob("*.yaml"))}
    if stage not in known:
        names = ", ".join(known) or "none"
        raise BadSetting(f"there is no stage {stage!r}: usecases/stages/ has {names}")
    path = project.relative(known[stage])
    content, problems = stages.read(known[stage].read_bytes(), path, find(project).names)
    if problems:
        raise Refused(placed(project, problems))
    return content


def plan(project: Project, name: str, stage: str, content: Any, given: Mapping[str, Any]) -> Plan:
    """What to run. Raises Refused with the notebook's problems, BadSetting for a misfit in ``given``."""
    path = project.notebooks / f"{name}.ipynb"
    data = path.read_bytes()
    notebook, made, parameters = _load(project, path, data)
    of_stage = stages.overrides_of(content, name)
    overrides = {**of_stage, **given}
    try:
        checked = parameters.check(overrides)
    except ContractError as error:
        raise _misfit(error, name, stage, of_stage, given) from None
    from chalicelib.usecase import version_of

    in_force = {**parameters.values, **{key: _literal(checked[key], overrides[key]) for key in overrides}}
    changes = {
        key: (parameters.values[key], in_force[key]) for key in overrides if parameters.values[key] != in_force[key]
    }
    version = version_of(made.code.encode(), parameters.values | overrides)
    literals = {key: in_force[key] for key in overrides}
    return Plan(notebook, data, stage, project.notebooks, version, in_force, literals, changes)


def _load(project: Project, path: Path, data: bytes) -> tuple[Notebook, Any, Any]:
    """The notebook, what the build makes of it, and its parameters. Raises Refused."""
    relative = project.relative(path)
    held = [problem for problem in find(project).problems if problem.notebook == relative]
    packages = requirements(project)
    made = make(Ingredients(relative, path.stem, data, {}, packages))
    errors = held + [problem for problem in made.problems if problem.severity == "error"]
    if errors:
        raise Refused(errors)
    from workbench.examine import examine

    notebook = notebooks.read(relative, path.stem, data)
    examined, problems = examine(draft(notebook, packages))
    if examined is None:
        raise Refused(problems)
    return notebook, made, examined.parameters


def _misfit(
    error: ContractError, name: str, stage: str, of_stage: Mapping[str, Any], given: Mapping[str, Any]
) -> Exception:
    """Whose override does not fit: the stage file's, or one that was given for this run."""
    ours = [fault for fault in error.faults if any(f"'{key}'" in fault.message for key in given)]
    if ours or not of_stage:
        return BadSetting("; ".join(f"--set: {fault.message}; {fault.hint}" for fault in ours or error.faults))
    path = f"usecases/stages/{stage}.yaml"
    blank = Problem(path, 0, 0, 0, "stage-parameters", "", "")
    text = f"use_cases.{name}.parameters: "
    return Refused([replace(blank, message=text + fault.message, hint=fault.hint) for fault in error.faults])


def _literal(value: Any, written: Any) -> Any:
    """The validated value where Python has a literal for it, else the JSON value as it was written."""
    try:
        return value if ast.literal_eval(repr(value)) == value else written
    except (ValueError, SyntaxError):
        return written
