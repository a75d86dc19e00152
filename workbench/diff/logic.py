"""Changes of steps and tasks: whose logic differs, through which helper, and which tasks need new calls."""

from __future__ import annotations

from typing import Any

from workbench.diff.compare import Change
from workbench.diff.outline import Outline
from workbench.diff.parameters import Overrides

NEW_CALLS = "needs new calls: facts recorded before are not used again"


def steps(old: Outline, new: Outline, old_set: Overrides, new_set: Overrides) -> list[Change]:
    """In the order of the new notebook, what was removed last."""
    found: list[Change] = []
    for name in dict.fromkeys([*new.steps, *old.steps]):
        if name not in old.steps or name not in new.steps:
            outline, what = (new, "added") if name in new.steps else (old, "removed")
            found.append(Change("task" if name in outline.tasks else "step", name, what))
            continue
        is_task = name in new.tasks
        if is_task != (name in old.tasks):
            what = "is a task now" if is_task else "is no task any more"
            found.append(Change("task" if is_task else "step", name, what))
        elif is_task:
            found += _task(name, old, new, old_set, new_set)
        else:
            found += _step(name, old, new)
    return found


def _step(name: str, old: Outline, new: Outline) -> list[Change]:
    reasons = _reasons(name, old, new)
    needs = [[argument.arg for argument in outline.steps[name].args.args] for outline in (old, new)]
    if needs[0] != needs[1]:
        asked = ", ".join(need for need in needs[1] if need not in needs[0])
        dropped = ", ".join(need for need in needs[0] if need not in needs[1])
        reasons += [f"now uses {asked}"] * bool(asked) + [f"no longer uses {dropped}"] * bool(dropped)
    return [Change("step", name, "logic changed", None, None, "; ".join(reasons))] if reasons else []


def _task(name: str, old: Outline, new: Outline, old_set: Overrides, new_set: Overrides) -> list[Change]:
    found = []
    was, now = old.tasks[name], new.tasks[name]
    for what in ("timeout", "fallback"):
        before, after = getattr(was, what), getattr(now, what)
        if before != after:
            found.append(Change("task", name, f"{what} changed", before or "none", after or "none"))
    reasons = _reasons(name, old, new)
    if old.fingerprints[name]["source"] != new.fingerprints[name]["source"]:
        detail = "; ".join(reasons or ["what its annotations name"])
        return [*found, Change("task", name, "changed", None, None, f"{detail}; {NEW_CALLS}")]
    moved = _moved(name, old, new, old_set, new_set)
    if moved:
        found.append(Change("task", name, "parameters changed", None, None, f"{moved}; {NEW_CALLS}"))
    return found


def _reasons(name: str, old: Outline, new: Outline) -> list[str]:
    """Why a step's logic differs: its own code, or the helpers and values it reaches."""
    was, now = old.parts[name], new.parts[name]
    through = sorted(part for part in (was.keys() | now.keys()) - {name} if was.get(part) != now.get(part))
    own = ["its own code"] if was[name] != now[name] else []
    return own + ([f"through {', '.join(through)}"] if through else [])


def _moved(name: str, old: Outline, new: Outline, old_set: Overrides, new_set: Overrides) -> str:
    """The parameters a task reaches whose value differs, on any stage."""
    moved = []
    for parameter in new.fingerprints[name]["parameters"]:
        for stage in sorted(old_set.keys() | new_set.keys()) or [""]:
            values = [
                given.get(stage, {}).get(parameter, _default(outline, parameter))
                for outline, given in ((old, old_set), (new, new_set))
            ]
            if values[0] != values[1] and parameter not in moved:
                moved.append(parameter)
    return ", ".join(moved)


def _default(outline: Outline, parameter: str) -> Any:
    known = outline.parameters.get(parameter)
    return known.value if known else None
