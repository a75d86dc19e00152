"""The trace of a decision: every step with its result, where it came from and when it ran.

Tasks are as recorded. Logic is not stored: it is pure, so it is recomputed from the facts by the
version that decided. Where another version is loaded, the trace says so and leaves results out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_jsonable_python

from chalicelib import costs, intake
from chalicelib.facts import NotRecordable, printable
from chalicelib.failures import describe_error
from chalicelib.graph import Step
from chalicelib.usecase import UseCase


def build(
    row: dict[str, Any],
    results: list[dict[str, Any]],
    usecase: UseCase | None,
    messages: bool,
    prices: costs.Prices | None = None,
) -> dict[str, Any]:
    """The trace of a stored decision.

    ``usecase`` is the version that decided, or None; ``messages``: show what exceptions said; ``prices``: the price
    list, without which there is no estimate of what its calls cost.
    """
    facts = {result["task"]: result for result in results}
    timings = json.loads(row["timings"])
    steps = [_fact(facts[name], timings) for name in sorted(facts, key=lambda name: facts[name]["started_ms"])]
    if usecase is not None:
        steps = _in_order(row, facts, timings, usecase)
    trace = {
        "request": json.loads(row["request"]),
        "duration_ms": row["duration_ms"],
        "logic": _logic(row, steps) if usecase is not None else "another version is loaded",
        "steps": steps,
    }
    if prices:
        calls = [call for step in steps for call in step.get("calls", ())]
        trace["cost"] = costs.of_calls(calls, prices).as_dict()
        for call in calls:
            call["cost"] = costs.of_call(call, prices).as_dict()
    if usecase is not None:
        trace["parameters"] = usecase.parameters
    for step in steps:
        if step.get("error") and not messages:
            step["error"].pop("message", None)
    return trace


def _logic(row: dict[str, Any], steps: list[dict[str, Any]]) -> str:
    """Whether recomputing came to what was decided: logic that is not pure does not."""
    decided = [step.get("result") for step in steps if step["kind"] == "decide"]
    if row["decision"] is None or decided == [json.loads(row["decision"])]:
        return "recomputed"
    return "recomputed, but differs from what was decided: a step is not pure"


def _in_order(
    row: dict[str, Any], facts: dict[str, dict[str, Any]], timings: dict[str, Any], usecase: UseCase
) -> list[dict[str, Any]]:
    outputs = {name: fact["output"] for name, fact in facts.items()}
    logic = recompute(usecase, row["request"], outputs, row["created_at"])
    steps = []
    for step in usecase.graph.steps:
        if step.name in facts:
            steps.append(_fact(facts[step.name], timings) | {"needs": list(step.needs)})
        elif step.name in timings:
            described = {"step": step.name, "kind": step.kind, "needs": list(step.needs)}
            steps.append(described | logic.get(step.name, {}) | _times(timings[step.name]))
    return sorted(steps, key=lambda step: step["started_ms"])


def recompute(usecase: UseCase, record: str, outputs: dict[str, str | None], now: Any) -> dict[str, dict[str, Any]]:
    """Plain step -> its ``result`` or ``error``, from recorded facts: a straight path, no threads."""
    request = intake.unseal(usecase.request_model, record)
    known: dict[str, Any] = {"request": request, "now": now}
    errors: dict[str, dict[str, Any]] = {}
    for step in usecase.graph.steps:
        if step.task:
            if outputs.get(step.name) is not None and step.codec:
                known[step.name] = step.codec.decode(str(outputs[step.name]))
            continue
        if any(need not in known and need in usecase.graph.by_name for need in step.needs):
            continue
        arguments = [known[need] if need in known else getattr(request, need) for need in step.needs]
        try:
            known[step.name] = step.function(*arguments)
        except BaseException as error:  # a step may raise anything, and it is not this request's
            errors[step.name] = describe_error(usecase, step, error)
    found = {name: {"error": error} for name, error in errors.items()}
    logic = [step.name for step in usecase.graph.steps if not step.task and step.name in known]
    # shown last: showing an iterator would use it up before the step that needs it
    return found | {name: {"result": _shown(usecase.graph.by_name[name], known[name])} for name in logic}


def _shown(step: Step, value: Any) -> Any:
    """A decision as it would be recorded, if it could be; anything else as it can be displayed."""
    try:
        return json.loads(step.codec.settle(value)[0]) if step.codec else displayable(value)
    except NotRecordable:
        return displayable(value)


def displayable(value: Any) -> Any:
    """Any value as JSON to look at: what logic passes on need not be recordable."""
    if isinstance(value, Iterator):
        return f"<{type(value).__name__}>"
    try:
        return _clean(to_jsonable_python(value, fallback=repr))
    except Exception:
        return _clean(f"<{type(value).__name__}>")


def _clean(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {_clean(str(key)): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def _fact(fact: dict[str, Any], timings: dict[str, Any]) -> dict[str, Any]:
    described = {
        "step": fact["task"],
        "kind": "task",
        "result": json.loads(fact["output"]) if fact["output"] is not None else None,
        "error": json.loads(fact["error"]) if fact["error"] else None,
        "fallback_used": fact["fallback_used"],
        "fact_key": fact["fact_key"],
        "calls": json.loads(fact["calls"]),
    }
    carried = {"carried_from": fact["carried_from"]} if fact["carried_from"] else {}
    return described | carried | _times((fact["started_ms"], fact["duration_ms"]))


def _times(times: Any) -> dict[str, float]:
    return {"started_ms": times[0], "duration_ms": times[1]}
