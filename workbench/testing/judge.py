"""Judging a case: its decision recomputed from its facts, and compared with what is expected.

A straight path through the graph in this process: no model, no kernel, no thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from chalicelib.facts import NotRecordable
from chalicelib.trace import recompute
from chalicelib.usecase import UseCase
from workbench.testing.cases import Case
from workbench.testing.results import Fault

ABSENT = "(absent)"
AGAIN = "`artemis case remove` it, decide again and `artemis case add` the new decision"


class NotDecided(Exception):
    """The steps come to no decision."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.message)


def decide(usecase: UseCase, case: Case) -> dict[str, Any]:
    """What these steps decide on the case's facts. Raises NotDecided."""
    outputs = {task: json.dumps(value, ensure_ascii=False) for task, value in case.facts.items()}
    outputs |= {
        step.name: step.fallback for step in usecase.graph.steps if step.name in case.failures and step.fallback
    }
    _find_missing(usecase, case, outputs)
    _decode(usecase, outputs)
    try:
        logic = recompute(usecase, json.dumps(case.request, ensure_ascii=False), dict(outputs), case.time)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the request"
        message = f"the recorded request no longer fits Request: {where}: {first['msg']}"
        raise NotDecided(Fault(message, hint=f"mend the case's request, or {AGAIN}")) from None
    for name, found in logic.items():
        if "error" in found:
            raise NotDecided(_raised(name, found["error"]))
    decision: dict[str, Any] = logic["decide"]["result"]
    return decision


def _find_missing(usecase: UseCase, case: Case, outputs: dict[str, Any]) -> None:
    missing = [step for step in usecase.graph.steps if step.task and step.name not in outputs]
    for step in missing:
        if step.name in case.failures:
            message = f"the task {step.name!r} failed when this was recorded, and has no fallback: nothing is decided"
            raise NotDecided(_at(usecase, step, message, "give it a fallback, or remove the case"))
    if missing:
        names = ", ".join(repr(step.name) for step in missing)
        are = "the task {} is" if len(missing) == 1 else "the tasks {} are"
        message = f"{are.format(names)} new: record the case again"
        raise NotDecided(_at(usecase, missing[0], message, f"the case has no fact for it; {AGAIN}"))


def _decode(usecase: UseCase, outputs: dict[str, Any]) -> None:
    for step in usecase.graph.steps:
        if step.task and step.codec:
            try:
                step.codec.decode(outputs[step.name])
            except NotRecordable as error:
                message = f"the recorded fact of the task {step.name!r} no longer fits: {error}"
                raise NotDecided(_at(usecase, step, message, f"mend the fact in the case, or {AGAIN}")) from None


def _at(usecase: UseCase, step: Any, message: str, hint: str) -> Fault:
    place = usecase.place_of_step(step)
    if place is None:
        return Fault(message, hint=hint)
    return Fault(message, "", hint, place.notebook, place.cell, place.cell_id, place.line)


def _raised(step: str, error: dict[str, Any]) -> Fault:
    message = f"the step {step!r} raises {error['type']}: {error['message']}"
    where = [error.get(key, empty) for key, empty in (("notebook", ""), ("cell", 0), ("cell_id", ""), ("line", 0))]
    return Fault(message, "", "", *where)


def compare(expected: dict[str, Any], actual: dict[str, Any]) -> list[str]:
    """The fields that differ, as lines of a diff; fields that nothing is expected of are not compared."""
    return [line for path, left, right in _differences(expected, actual, "") for line in _shown(path, left, right)]


def _differences(expected: Any, actual: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(expected, dict) and isinstance(actual, dict) and expected:
        for key, value in expected.items():
            yield from _differences(value, actual.get(key, ABSENT), f"{path}.{key}" if path else key)
    elif expected != actual or isinstance(expected, bool) != isinstance(actual, bool):
        yield path, expected, actual


def _shown(path: str, expected: Any, actual: Any) -> list[str]:
    return [f"- {path}: {_text(expected)}", f"+ {path}: {_text(actual)}"]


def _text(value: Any) -> str:
    return value if value is ABSENT else json.dumps(value, ensure_ascii=False)


def facts_shown(case: Case) -> str:
    """The facts that a decision came from, one line each."""
    lines = [f"  {task}: {_short(value)}" for task, value in case.facts.items()]
    lines += [f"  {task}: its fallback, since it failed ({_short(error)})" for task, error in case.failures.items()]
    return "\n".join(["facts:", *lines]) if lines else "there are no facts"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:159] + "…"
