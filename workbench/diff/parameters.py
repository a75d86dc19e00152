"""Changes of parameters: defaults, what they mean, and what each stage sets."""

from __future__ import annotations

from typing import Any

from workbench.diff.compare import Change
from workbench.diff.outline import Outline, Parameter

Overrides = dict[str, dict[str, Any]]


def parameters(old: Outline, new: Outline, old_set: Overrides, new_set: Overrides) -> list[Change]:
    """In the order of the new notebook, what was removed last; each followed by what it is on a stage."""
    found: list[Change] = []
    for name in dict.fromkeys([*new.parameters, *old.parameters]):
        was, now = old.parameters.get(name), new.parameters.get(name)
        used = ", ".join((new if now else old).uses[name])
        found += _parameter(name, was, now, f"used by {used}" if used else "")
        for stage in sorted(old_set.keys() | new_set.keys()):
            before, after = old_set.get(stage, {}), new_set.get(stage, {})
            if name in before or name in after:
                found += _on_stage(name, stage, _in_force(was, before, name), _in_force(now, after, name), was != now)
    return found


def _parameter(name: str, was: Parameter | None, now: Parameter | None, used: str) -> list[Change]:
    if was is None or now is None:
        known = now or was
        assert known is not None
        value, what = (known.value, "added") if now else (known.value, "removed")
        detail = "; ".join(text for text in (known.description, used) if text)
        return [Change("parameter", name, what, None if now else value, value if now else None, detail)]
    found = []
    if _differ(was.value, now.value):
        found.append(Change("parameter", name, "changed", was.value, now.value, used))
    if was.type != now.type:
        found.append(Change("parameter", name, "bounds changed", was.type, now.type))
    if was.description != now.description:
        found.append(Change("parameter", name, "description changed", was.description, now.description))
    return found


def _differ(old: Any, new: Any) -> bool:
    """``1`` is no change of ``True``, and 1.0 none of 1."""
    return bool(old != new) or isinstance(old, bool) != isinstance(new, bool)


def _in_force(parameter: Parameter | None, overrides: dict[str, Any], name: str) -> Any:
    return overrides.get(name, parameter.value if parameter else None)


def _on_stage(name: str, stage: str, old: Any, new: Any, default_changed: bool) -> list[Change]:
    """A stage's own value; where only the default changed, that the stage stays as it was."""
    if _differ(old, new):
        return [Change("parameter", name, f"changed on {stage}", old, new, "stage file")]
    if default_changed:
        return [Change("parameter", name, f"stays on {stage}", old, new, "set by its stage file")]
    return []
