"""The trace of a decision: every step with its result, where it came from and when it ran.

Tasks are as recorded. Logic is not stored: it is pure, so it is recomputed from the facts by the
version that decided. Where another version is loaded, the trace says so and leaves results out.
Sensitive values are masked: recomputing needs them, showing does not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from chalicelib import costs, intake
from chalicelib.facts import NotRecordable, printable
from chalicelib.failures import describe_error, redacted
from chalicelib.graph import Step
from chalicelib.marks import reaches_mark, returned
from chalicelib.redaction import Redaction
from chalicelib.sensitive import MASK, Masking, Writer, masked
from chalicelib.usecase import UseCase
from chalicelib.vault import Vault


def build(
    row: dict[str, Any],
    results: list[dict[str, Any]],
    usecase: UseCase | None,
    messages: bool,
    prices: costs.Prices | None = None,
    vault: Vault | None = None,
) -> dict[str, Any]:
    """The trace of a stored decision. Raises KeyMissing where it holds what ``vault`` cannot open.

    ``usecase`` is the version that decided, or None; ``messages``: show what exceptions said; ``prices``: the price
    list, without which there is no estimate of what its calls cost.
    """
    sealed_row, sealed_results, vault = row, results, vault or Vault()
    row = {**row, **{name: row[name] and vault.open(row[name]) for name in ("request", "decision")}}
    results = [one | {"output": one["output"] and vault.open(one["output"])} for one in results]
    facts = {result["task"]: result for result in results}
    timings = json.loads(row["timings"])
    steps = [_fact(facts[name], timings) for name in sorted(facts, key=lambda name: facts[name]["started_ms"])]
    if usecase is not None:
        steps = _in_order(row, facts, timings, usecase)
    logic = _logic(row, steps) if usecase is not None else "another version is loaded"
    redaction = _mask(steps, sealed_row, sealed_results, usecase, vault)
    trace = {
        "request": redaction.in_json(json.loads(masked(sealed_row["request"]))),
        "duration_ms": row["duration_ms"],
        "logic": logic,
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


def _mask(
    steps: list[dict[str, Any]],
    row: dict[str, Any],
    results: list[dict[str, Any]],
    usecase: UseCase | None,
    vault: Vault,
) -> Redaction:
    """Mask what the steps show. ``row`` and ``results`` as they are stored. Gives what masks their values elsewhere."""
    outputs = {result["task"]: result["output"] for result in results}
    texts = [text for text in (row["request"], row["decision"], *outputs.values()) if text]
    values = [value for text in texts for value in vault.sealed_in(text)]
    redaction = Redaction(values)
    for step in steps:
        if outputs.get(step["step"]) is not None:
            step["result"] = json.loads(masked(outputs[step["step"]]))
        elif step["kind"] == "decide" and usecase is not None and "result" in step:
            step["result"] = _masked_decision(usecase.graph.by_name["decide"], step["result"])
        if values and "result" in step:
            step["result"] = redaction.in_json(step["result"])
        if values and step.get("error"):
            step["error"] = redacted(step["error"], redaction.in_error)
    return redaction


def _masked_decision(step: Step, result: Any) -> Any:
    if step.codec is None or not step.codec.sensitive:
        return result
    try:
        return json.loads(step.codec.rewrite(json.dumps(result, ensure_ascii=False), Masking()))
    except NotRecordable:  # it is none that could be recorded
        return MASK


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
    logic = recompute(usecase, row["request"], outputs, row["created_at"], shown_masked)
    steps = []
    for step in usecase.graph.steps:
        if step.name in facts:
            steps.append(_fact(facts[step.name], timings) | {"needs": list(step.needs)})
        elif step.name in timings:
            described = {"step": step.name, "kind": step.kind, "needs": list(step.needs)}
            steps.append(described | logic.get(step.name, {}) | _times(timings[step.name]))
    return sorted(steps, key=lambda step: step["started_ms"])


def recompute(
    usecase: UseCase,
    record: str,
    outputs: Mapping[str, str | None],
    now: Any,
    show: Callable[[Step, Any], Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Plain step -> its ``result`` or ``error``, from recorded facts: a straight path, no threads.

    ``show``: a step and its value -> what its result is shown as; default: with whatever is sensitive in it.
    """
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
    return found | {name: {"result": (show or _shown)(usecase.graph.by_name[name], known[name])} for name in logic}


def shown_masked(step: Step, value: Any) -> Any:
    """A result without what its annotation, or a model's field in it, marks as sensitive; a decision as it is."""
    if step.codec:
        return _shown(step, value)
    annotation = returned(step)
    if not reaches_mark(annotation):
        return displayable(value, Masking())
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        return _clean(adapter.dump_python(value, mode="json", context=Masking(), warnings="error"))
    except Exception:  # it is not what it is annotated to be, so it is not known which part is sensitive
        return MASK


def _shown(step: Step, value: Any) -> Any:
    """A decision as it would be recorded, if it could be; anything else as it can be displayed."""
    try:
        return json.loads(step.codec.settle(value)[0]) if step.codec else displayable(value)
    except NotRecordable:
        return displayable(value)


def displayable(value: Any, writer: Writer | None = None) -> Any:
    """Any value as JSON to look at: what logic passes on need not be recordable."""
    if isinstance(value, Iterator):
        return f"<{type(value).__name__}>"
    try:
        return _clean(to_jsonable_python(value, fallback=repr, context=writer))
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
        "error": json.loads(masked(fact["error"])) if fact["error"] else None,
        "fallback_used": fact["fallback_used"],
        "fact_key": fact["fact_key"],
        "calls": json.loads(fact["calls"]),
    }
    carried = {"carried_from": fact["carried_from"]} if fact["carried_from"] else {}
    return described | carried | _times((fact["started_ms"], fact["duration_ms"]))


def _times(times: Any) -> dict[str, float]:
    return {"started_ms": times[0], "duration_ms": times[1]}
