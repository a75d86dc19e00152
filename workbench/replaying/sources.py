"""Where a candidate comes from: the working notebook, a file, a git revision, or a version that decided before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from chalicelib.calling.routing import meant
from chalicelib.store.reading import stream
from chalicelib.store.tables import use_case_versions
from workbench import notebook as notebooks
from workbench import stages
from workbench.diff.revision import NoRevision, at_revision
from workbench.draft import draft
from workbench.examine import examine
from workbench.make import Ingredients, make
from workbench.problems import Problem
from workbench.project import Project, requirements
from workbench.replaying.candidate import Candidate
from workbench.replaying.errors import CannotReplay
from workbench.replaying.versions import versions_of
from workbench.validation.plan import BadSetting, Refused, read_stage


def of_notebook(project: Project, name: str, stage: str, path: Path | None = None) -> Candidate:
    """The working notebook, or another one, as it would be built, under the stage's parameters.

    Raises CannotReplay with what keeps it from being built.
    """
    path = path or project.notebooks / f"{name}.ipynb"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CannotReplay(f"{path} cannot be read: {error.strerror}") from None
    shown = project.relative(path) if path.is_relative_to(project.root) else str(path)
    made = make(Ingredients(shown, name, data, {}, requirements(project)))
    if made.entry is None:
        raise CannotReplay(_not_built(shown, [one for one in made.problems if one.severity == "error"]))
    overrides = stages.overrides_of(_stage(project, stage), name)
    return Candidate.of_entry(name, made.code, made.entry, overrides, shown)


def at(project: Project, name: str, stage: str, revision: str) -> Candidate:
    """The notebook and the stage's parameters as they were at a git revision. Raises CannotReplay."""
    try:
        state = at_revision(project, revision)
    except NoRevision as error:
        raise CannotReplay(str(error)) from None
    if name not in state.notebooks:
        known = meant(name, sorted(state.notebooks))
        raise CannotReplay(f"at {revision} there is no usecases/{name}.ipynb; {known}")
    shown = f"usecases/{name}.ipynb at {revision}"
    try:
        drafted = draft(notebooks.read(f"usecases/{name}.ipynb", name, state.notebooks[name]))
    except notebooks.Unreadable as error:
        raise CannotReplay(f"{shown} cannot be read: {error.message}") from None
    examined, problems = examine(drafted)  # without today's rules, which it need not have known
    if examined is None:
        raise CannotReplay(_not_built(shown, problems))
    content = stages.parse(state.stages[stage]) if stage in state.stages else {}
    return Candidate.of_entry(name, drafted.code, examined.entry, stages.overrides_of(content, name), shown)


def decided_by(engine: Engine, name: str, version: str) -> Candidate:
    """A version that decided before, by its name or how that begins. Raises CannotReplay, Unreadable."""
    table = use_case_versions.c
    known = sorted({row.version for row in stream(engine, select(table.version).where(table.use_case == name))})
    found = [one for one in known if one.startswith(version)]
    if len(found) != 1:
        said = "several begin so" if found else "no such version decided"
        raise CannotReplay(f"version {version!r} of {name}: {said}; known: {', '.join(known) or 'none'}")
    held = versions_of(engine, name, found)
    if not held:
        raise CannotReplay(f"version {found[0]} of {name}: what the store has of its code is not what decided")
    return held[found[0]].candidate


def _stage(project: Project, stage: str) -> Any:
    try:
        return read_stage(project, stage)
    except (BadSetting, Refused) as error:
        raise CannotReplay(str(error)) from None


def _not_built(path: str, problems: list[Problem]) -> str:
    lines = [f"  cell {one.cell}, line {one.line}: {one.message}" for one in sorted(problems)]
    return "\n".join([f"{path} does not build:", *lines, "run `artemis check` for more"])
