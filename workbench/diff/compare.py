"""The changes between two states, by use case and by stage."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from workbench import notebook as notebooks
from workbench import stages
from workbench.diff.outline import Outline
from workbench.diff.revision import State
from workbench.draft import draft
from workbench.notebook import Notebook

PARTLY = "compared as far as possible"
ALIKE = 0.6  # share of lines that a renamed notebook has in common with the one that is gone


class Change(NamedTuple):
    """One change in words. ``kind``: title, contract, parameter, step, task, provider, stage or note."""

    kind: str
    name: str
    what: str
    old: Any = None
    new: Any = None
    detail: str = ""


@dataclass
class UseCaseChanges:
    """``status``: added, removed, renamed or changed; ``was`` is the old name of one that was renamed."""

    name: str
    status: str
    title: str
    was: str = ""
    changes: list[Change] = field(default_factory=list)


@dataclass
class Difference:
    """Everything that changed from ``old`` to ``new``."""

    old: str
    new: str
    use_cases: list[UseCaseChanges] = field(default_factory=list)
    stages: dict[str, list[Change]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.use_cases or self.stages)

    def as_dict(self) -> dict[str, Any]:
        use_cases = [
            {**asdict(each), "changes": [change._asdict() for change in each.changes]} for each in self.use_cases
        ]
        stages = {name: [change._asdict() for change in found] for name, found in self.stages.items()}
        return {"old": self.old, "new": self.new, "use_cases": use_cases, "stages": stages}


class _Side(NamedTuple):
    """One use case in one state. ``outline`` is None where the notebook cannot be read; ``problem`` says why."""

    label: str
    notebook: Notebook | None
    outline: Outline | None
    problem: str
    overrides: dict[str, dict[str, Any]]


def compare(old: State, new: State) -> Difference:
    """What changed from one state to the other."""
    found = Difference(old.label, new.label)
    old_stages, new_stages = _stages(old), _stages(new)
    renamed = _renamed(old, new)
    for name in sorted(old.notebooks.keys() | new.notebooks.keys()):
        if name in renamed.values():
            continue
        was = renamed.get(name, name)
        if _is_same(old, new, name) and _set(old_stages, name) == _set(new_stages, name):
            continue
        sides = _side(old, was, old_stages), _side(new, name, new_stages)
        changed = _use_case(name, was, *sides)
        if changed:
            found.use_cases.append(changed)
    for stage in sorted(old_stages.keys() | new_stages.keys()):
        if changes := _stage(old_stages.get(stage), new_stages.get(stage)):
            found.stages[stage] = changes
    return found


def _stages(state: State) -> dict[str, Any]:
    """Stage -> its content; a text saying why where it cannot be read."""
    found: dict[str, Any] = {}
    for name, data in state.stages.items():
        try:
            found[name] = stages.parse(data)
        except ValueError as error:
            found[name] = f"not YAML: {error}"
    return found


def _is_same(old: State, new: State, name: str) -> bool:
    return name in old.notebooks and old.notebooks[name] == new.notebooks.get(name)


def _set(contents: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Stage -> what it sets of a use case's parameters."""
    return {stage: stages.overrides_of(content, name) for stage, content in contents.items()}


def _side(state: State, name: str, contents: dict[str, Any]) -> _Side | None:
    data = state.notebooks.get(name)
    if data is None:
        return None
    overrides = _set(contents, name)
    try:
        read = notebooks.read(f"usecases/{name}.ipynb", name, data)
        return _Side(state.label, read, Outline(draft(read)), "", overrides)
    except (notebooks.Unreadable, RecursionError) as error:
        message = getattr(error, "message", "nested too deeply")
        return _Side(state.label, None, None, f"at {state.label} it cannot be read: {message}", overrides)


def _renamed(old: State, new: State) -> dict[str, str]:
    """New name -> old name, where a notebook is gone and one very like it has come."""
    gone = {name: _lines(old, name) for name in old.notebooks.keys() - new.notebooks.keys()}
    found: dict[str, str] = {}
    for name in sorted(new.notebooks.keys() - old.notebooks.keys()):
        lines = _lines(new, name)
        best = max(gone, key=lambda was: _likeness(gone[was], lines), default=None)
        if best is not None and _likeness(gone[best], lines) >= ALIKE:
            found[name] = best
            del gone[best]
    return found


def _lines(state: State, name: str) -> Counter[str]:
    side = _side(state, name, {})
    sources = [cell.source for cell in side.notebook.cells] if side and side.notebook else []
    return Counter(line.strip() for source in sources for line in source.split("\n") if line.strip())


def _likeness(first: Counter[str], second: Counter[str]) -> float:
    total = max(first.total(), second.total())
    return (first & second).total() / total if total else 0.0


def _use_case(name: str, was: str, old: _Side | None, new: _Side | None) -> UseCaseChanges | None:
    side = new or old
    assert side is not None
    title = side.notebook.heading()[0] if side.notebook else name
    if old is None or new is None:
        status = "added" if old is None else "removed"
        return UseCaseChanges(name, status, title, "", _whole(side) if old is None else [])
    changes = _changes(old, new)
    if was != name:
        return UseCaseChanges(name, "renamed", title, was, changes)
    return UseCaseChanges(name, "changed", title, "", changes) if changes else None


def _whole(side: _Side) -> list[Change]:
    """What a new use case consists of, in a line each."""
    if side.outline is None:
        return [Change("note", "", side.problem)]
    outline = side.outline
    found: list[Change] = []
    for name, each in outline.parameters.items():
        found.append(Change("parameter", name, "added", None, each.value, each.description))
        for stage, given in side.overrides.items():
            if name in given:
                found.append(Change("parameter", name, f"set on {stage}", None, given[name], "stage file"))
    return found + [Change("task" if name in outline.tasks else "step", name, "added") for name in outline.steps]


def _changes(old: _Side, new: _Side) -> list[Change]:
    notes = [Change("note", "", side.problem) for side in (old, new) if side.problem]
    if old.outline is None or new.outline is None:
        return notes if old.problem != new.problem else []
    from workbench.diff.contract import contract
    from workbench.diff.logic import steps
    from workbench.diff.parameters import parameters

    found = [*_heading(old.notebook, new.notebook), *contract(old.outline, new.outline, old.label, new.label)]
    found += parameters(old.outline, new.outline, old.overrides, new.overrides)
    found += steps(old.outline, new.outline, old.overrides, new.overrides)
    if found:
        notes += [*_unbuilt(old), *_unbuilt(new)]
    return found + notes


def _unbuilt(side: _Side) -> list[Change]:
    """A note for each cell that does not parse."""
    exported = side.outline.draft.exported if side.outline else ()
    return [
        Change("note", "", f"at {side.label} cell {each.cell.number} does not parse ({each.error.msg}): {PARTLY}")
        for each in exported
        if each.error
    ]


def _heading(old: Notebook | None, new: Notebook | None) -> list[Change]:
    assert old is not None
    assert new is not None
    (title, text), (new_title, new_text) = old.heading(), new.heading()
    if not any(cell.kind == "markdown" for cell in old.cells):  # made from the name
        title = new_title
    found = [Change("title", "title", "changed", title, new_title)] if title != new_title else []
    if old.contract != new.contract:
        found.append(Change("contract", "version", f"changed: {old.contract} → {new.contract}"))
    return found + ([Change("title", "description", "changed")] if text != new_text else [])


def _stage(old: Any, new: Any) -> list[Change]:
    """What changed in a stage file, its parameter overrides aside: they are told by use case."""
    if old is None or new is None:
        return [Change("stage", "stage file", "added" if old is None else "removed")]
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [Change("note", "", f"it cannot be read: {each}") for each in (old, new) if not isinstance(each, dict)]
    found: list[Change] = []
    for key in sorted((old.keys() | new.keys()) - {"use_cases"}):
        was, now = old.get(key), new.get(key)
        if isinstance(was or {}, dict) and isinstance(now or {}, dict):
            found += _entries(key, was or {}, now or {})
        elif was != now:
            found.append(Change("stage", key, _what(was, now), was, now))
    return found + _challengers(old, new)


def _challengers(old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    """What changed of the parameters that are tried beside the stage's own."""
    names = {str(name).replace("-", "_") for each in (old, new) for name in each.get("use_cases") or {}}
    found: list[Change] = []
    for name in sorted(names):
        was, now = (stages.challengers_of(each, name) for each in (old, new))
        found += _entries(f"use_cases.{name}.challengers", was, now)
    return found


def _entries(key: str, old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    kind, prefix = ("provider", "") if key == "providers" else ("stage", f"{key}.")
    found: list[Change] = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if json.dumps(was) != json.dumps(now):
            found.append(Change(kind, prefix + name, _what(was, now), was, now))
    return found


def _what(old: Any, new: Any) -> str:
    return "added" if old is None else "removed" if new is None else "changed"
