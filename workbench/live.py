"""In the notebook: run the use case as it stands in this namespace, in the same engine, and show it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from html import escape
from typing import Any

from pydantic import BaseModel

from chalicelib import bootstrap
from chalicelib.engine import Engine
from chalicelib.intake import seal
from chalicelib.parameters import PARAMETERS, Parameters
from chalicelib.run import Intake, Run
from chalicelib.trace import recompute
from chalicelib.usecase import Place, Source, UseCase, from_namespace
from workbench.picture import draw
from workbench.project import Project

RESULT_LIMIT = 300  # characters of a result in the table
COLORS = {"approve": "#16a34a", "review": "#d97706", "reject": "#dc2626"}


class DecisionFailed(Exception):
    """The use case came to no decision; the message says which step, and why."""


def run(request: BaseModel) -> Any:
    """Decide with this notebook's steps; returns its ``Decision``. Nothing is stored.

    Raises ContractError when the namespace breaks the authoring contract, DecisionFailed when a
    step fails.
    """
    usecase, _, result = _execute(request, _namespace())
    return _decision(usecase, result)


def show(request: BaseModel) -> None:
    """Decide with this notebook's steps, and display the decision, the graph and every step.

    Times are displayed apart from the rest, so that a saved notebook shows the same again.
    """
    from IPython.core.display_functions import display

    usecase, intake, result = _execute(request, _namespace())
    for part in (Shown(usecase, result, _results(usecase, intake, result)), Times(usecase, result.timings)):
        display(part)  # type: ignore[no-untyped-call]


def _namespace() -> dict[str, Any]:
    """The notebook's; of a script, the caller's."""
    ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    found: dict[str, Any] = ipython.user_ns if ipython else sys._getframe(2).f_globals
    return found


def _execute(request: BaseModel, namespace: dict[str, Any]) -> tuple[UseCase, Intake, Run]:
    annotated = namespace.get("__annotations__", {})
    parameters = {name: namespace[name] for name in annotated if name in namespace}
    usecase = from_namespace("notebook", {**namespace, PARAMETERS: Parameters(parameters)}, LiveSource())
    intake = seal(request)
    stage = _stage(os.environ.get("ARTEMIS_STAGE", "local"))
    result = _engine(json.dumps(stage.get("providers") or {})).run(
        usecase, intake, datetime.now(UTC), float(stage.get("deadline", 25))
    )
    return usecase, intake, result


def _stage(name: str) -> dict[str, Any]:
    """The stage file as it is now, built or not."""
    import yaml

    path = Project.find().stages / f"{name}.yaml"
    return dict(yaml.safe_load(path.read_bytes()) or {})


@lru_cache(maxsize=4)
def _engine(providers: str) -> Engine:
    """One engine for a notebook's session: models are loaded once."""
    return bootstrap.engine(json.loads(providers))


@dataclass(frozen=True, slots=True)
class LiveSource(Source):
    """Places in a running notebook: IPython knows which input a piece of code came from."""

    def place(self, filename: str, line: int) -> Place | None:
        ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        inputs = getattr(getattr(ipython, "compile", None), "_filename_map", {})
        return Place("this notebook", inputs[filename], "", line) if filename in inputs else None


def _decision(usecase: UseCase, result: Run) -> Any:
    if result.failure or result.decision is None:
        raise DecisionFailed(_failure_text(result))
    codec = usecase.graph.by_name["decide"].codec
    return codec.decode(result.decision) if codec else None


def _failure_text(result: Run) -> str:
    assert result.failure is not None
    error = result.failure.error
    where = f" at In[{error['cell']}], line {error['line']}" if "cell" in error else ""
    return f"{result.failure.kind}: step {result.failure.step!r}: {error.get('type', '')} {error['message']}{where}"


def _results(usecase: UseCase, intake: Intake, result: Run) -> dict[str, str]:
    """Step -> its result as short JSON, floats to two digits: stable from one machine to the next."""
    outputs = {fact.task: fact.output for fact in result.facts}
    logic = recompute(usecase, intake.record, outputs, None)
    values = {task: json.loads(text) for task, text in outputs.items() if text is not None}
    values |= {step: found["result"] for step, found in logic.items() if "result" in found}
    texts = {name: json.dumps(_rounded(value), ensure_ascii=False) for name, value in values.items()}
    for fact in result.facts:
        if fact.error:
            texts[fact.task] = (
                f"{texts[fact.task]} (fallback: {_said(fact.error)})" if fact.fallback else _said(fact.error)
            )
    if result.failure:
        texts[result.failure.step] = f"failed: {_said(result.failure.error)}"
    return texts


def _said(error: dict[str, Any]) -> str:
    return f"{error.get('type', error['error'])}: {error['message']}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Shown:
    """A decision with its graph and results, as HTML and as text."""

    usecase: UseCase
    result: Run
    results: dict[str, str]

    def __repr__(self) -> str:
        lines = [self._headline()]
        lines += [f"  {step.name}: {self._short(step.name)}" for step in self.usecase.graph.steps]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        outcome = json.loads(self.result.decision).get("outcome", "") if self.result.decision else ""
        color = COLORS.get(outcome, "#dc2626" if self.result.failure else "#18181b")
        rows = "".join(
            f"<tr><td>{escape(step.name)}</td><td>{step.kind}</td>"
            f'<td style="text-align:left"><code>{escape(self._short(step.name))}</code></td></tr>'
            for step in self.usecase.graph.steps
        )
        return (
            f'<div><p style="font-size:1.2em;font-weight:600;color:{color}">{escape(self._headline())}</p>'
            f'<div style="overflow-x:auto">{draw(self.usecase.graph, self.results)}</div>'
            f"<table><thead><tr><th>step</th><th>kind</th><th>result</th></tr></thead><tbody>{rows}</tbody>"
            "</table></div>"
        )

    def _headline(self) -> str:
        """The outcome first, then whatever else was decided, then what was degraded."""
        if self.result.decision is None:
            return _failure_text(self.result)
        decision = _rounded(json.loads(self.result.decision))
        head = [str(decision.pop("outcome"))] if "outcome" in decision else []
        head += [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in decision.items()]
        head += [f"degraded: {item['task']} ({item['error']})" for item in self.result.degraded]
        return "   ".join(head)

    def _short(self, name: str) -> str:
        text = self.results.get(name, "not reached")
        return text if len(text) <= RESULT_LIMIT else text[: RESULT_LIMIT - 1] + "…"


@dataclass(frozen=True)
class Times:
    """How long the tasks took, and the logic. Different each time; the regression test leaves `… ms` out."""

    usecase: UseCase
    timings: dict[str, tuple[float, float]]

    def __repr__(self) -> str:
        return ", ".join(f"{name} {took:.1f} ms" for name, took in self._rows())

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(name)}</td><td>{took:.1f} ms</td></tr>" for name, took in self._rows())
        return f"<table><thead><tr><th>times</th><th></th></tr></thead><tbody>{rows}</tbody></table>"

    def _rows(self) -> list[tuple[str, float]]:
        tasks = [step.name for step in self.usecase.graph.steps if step.task and step.name in self.timings]
        logic = sum(took for name, (_, took) in self.timings.items() if name not in tasks)
        whole = max((began + took for began, took in self.timings.values()), default=0.0)
        rows = [(name, self.timings[name][1]) for name in sorted(tasks)]
        return [*rows, ("all logic", logic), ("whole", whole)]
