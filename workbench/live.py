"""In the notebook: run the use case as it stands in this namespace, in the same engine, and show it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, NamedTuple

from pydantic import BaseModel

from chalicelib import bootstrap
from chalicelib.asking import ANY_TIME, Asking
from chalicelib.calling.ledger import Ledger
from chalicelib.calling.router import Observer
from chalicelib.calling.routing import Routing
from chalicelib.engine import Engine
from chalicelib.history import History
from chalicelib.intake import seal
from chalicelib.models import Models
from chalicelib.parameters import PARAMETERS, Parameters
from chalicelib.run import Intake, Run
from chalicelib.settings import deadline_of, endpoints
from chalicelib.trace import recompute
from chalicelib.usecase import Place, Source, UseCase, from_namespace
from workbench import stages
from workbench.picture import draw
from workbench.project import Project
from workbench.rankings import Places, as_html, as_lines, ranking

HERE = "this notebook"  # what a place in a running notebook names
RESULT_LIMIT = 300  # characters of a result in the table
COLORS = {"approve": "#16a34a", "review": "#d97706", "reject": "#dc2626"}


class DecisionFailed(Exception):
    """The use case came to no decision; the message says which step, and why."""


def run(request: BaseModel, history: History | None = None, now: datetime | None = None) -> Any:
    """Decide with this notebook's steps; returns its ``Decision``. Nothing is stored.

    Args:
        history: what tasks that ask for ``history`` are given, as ``History.of(…)`` makes it by hand; default: nothing.
        now: the decision's time, with its zone; default: the present. A fixed one gives the same again tomorrow.

    Raises ContractError when the namespace breaks the authoring contract, DecisionFailed when a
    step fails.
    """
    ran = _execute(request, _namespace(), history, now)
    return _decision(ran.usecase, ran.result)


def show(request: BaseModel, history: History | None = None, now: datetime | None = None) -> None:
    """Decide with this notebook's steps, and display the decision, the graph and every step.

    ``history`` and ``now`` are as for ``run``.

    Times are displayed apart from the rest, so that a saved notebook shows the same again.
    """
    from IPython.core.display_functions import display

    ran = _execute(request, _namespace(), history, now)
    for part in (Shown(ran.usecase, ran.result, results(ran)), Times(ran.usecase, ran.result.timings)):
        display(part)  # type: ignore[no-untyped-call]


def stage_models() -> Models:
    """The capabilities of this notebook's stage, as a task is given them: to ask a model outside of a decision.

    What is asked so is neither stored nor used again; ``artemis record`` records it.
    """
    stage = _stage(os.environ.get("ARTEMIS_STAGE", "local"))
    router = bootstrap.router(Routing.of(stage, endpoints(os.environ)), observe=_recorder())
    return router.models(ANY_TIME, Ledger())


def _namespace() -> dict[str, Any]:
    """The notebook's; of a script, the caller's."""
    ipython = _ipython()
    found: dict[str, Any] = ipython.user_ns if ipython else sys._getframe(2).f_globals
    return found


def _ipython() -> Any:
    """The running IPython, if there is one; it is not imported for the question."""
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


class Ran(NamedTuple):
    """One run of a notebook's use case, with what a recomputation needs."""

    usecase: UseCase
    intake: Intake
    now: datetime
    result: Run


def _execute(request: BaseModel, namespace: dict[str, Any], history: History | None, now: datetime | None) -> Ran:
    annotated = namespace.get("__annotations__", {})
    parameters = {name: namespace[name] for name in annotated if name in namespace}
    usecase = from_namespace("notebook", {**namespace, PARAMETERS: Parameters(parameters)}, LiveSource())
    intake = seal(request)
    stage = _stage(os.environ.get("ARTEMIS_STAGE", "local"))
    engine = bootstrap.engine(Routing.of(stage, endpoints(os.environ)), observe=_recorder())
    engine = Engine(engine.models, engine.workers, _Past(history or History.of()))
    now = datetime.now(UTC) if now is None else now
    if now.tzinfo is None:
        raise ValueError("now has no time zone: datetime(2026, 11, 1, tzinfo=UTC)")
    return Ran(usecase, intake, now, engine.run(usecase, intake, now, deadline_of(stage)))


class _Past:
    """Makes the history that a task is given of one made by hand."""

    def __init__(self, made: History) -> None:
        self._made = made
        self._use_cases = frozenset(path.stem for path in Project.find().notebooks.glob("*.ipynb"))

    def __call__(self, asking: Asking, subject: str | None, now: datetime) -> History:
        return self._made.asked_by(asking, subject, now, self._use_cases)


def _recorder() -> Observer | None:
    """Notes every answer of a model where `artemis record` runs this notebook."""
    if "ARTEMIS_RECORD" not in os.environ:
        return None
    from workbench.recordings import recorder

    return recorder()


def _stage(name: str) -> dict[str, Any]:
    """The stage file as it is now, built or not."""
    return dict(stages.parse((Project.find().stages / f"{name}.yaml").read_bytes()))


@dataclass(frozen=True, slots=True)
class LiveSource(Source):
    """Places in a running notebook: IPython knows which input a piece of code came from."""

    def place(self, filename: str, line: int) -> Place | None:
        inputs = getattr(getattr(_ipython(), "compile", None), "_filename_map", {})
        return Place(HERE, inputs[filename], "", line) if filename in inputs else None


def _decision(usecase: UseCase, result: Run) -> Any:
    if result.failure or result.decision is None:
        raise DecisionFailed(_failure_text(result))
    codec = usecase.graph.by_name["decide"].codec
    return codec.decode(result.decision) if codec else None


def _failure_text(result: Run) -> str:
    assert result.failure is not None
    error = result.failure.error
    cell = error.get("cell")
    named = f"In[{cell}]" if error.get("notebook") == HERE else f"{error.get('notebook')}, cell {cell}"
    where = f" at {named}, line {error['line']}" if cell else ""
    return f"{result.failure.kind}: step {result.failure.step!r}: {error.get('type', '')} {error['message']}{where}"


def values(ran: Ran) -> dict[str, Any]:
    """Step -> its result as JSON holds it; a step without one is left out."""
    outputs = {fact.task: fact.output for fact in ran.result.facts}
    logic = recompute(ran.usecase, ran.intake.record, outputs, ran.now)
    found = {task: json.loads(text) for task, text in outputs.items() if text is not None}
    return found | {step: made["result"] for step, made in logic.items() if "result" in made}


def results(ran: Ran) -> dict[str, str]:
    """Step -> its result as short JSON, floats to two digits: stable from one machine to the next."""
    result = ran.result
    texts = {name: json.dumps(_rounded(value), ensure_ascii=False) for name, value in values(ran).items()}
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
        return "\n".join([self.headline(), *as_lines(self.places), self.steps()])

    def steps(self) -> str:
        """A line for each step's result."""
        return "\n".join(f"  {step.name}: {self._short(step.name)}" for step in self.usecase.graph.steps)

    def _repr_html_(self) -> str:
        outcome = json.loads(self.result.decision).get("outcome", "") if self.result.decision else ""
        color = COLORS.get(outcome, "#dc2626" if self.result.failure else "#18181b")
        rows = "".join(
            f"<tr><td>{escape(step.name)}</td><td>{step.kind}</td>"
            f'<td style="text-align:left"><code>{escape(self._short(step.name))}</code></td></tr>'
            for step in self.usecase.graph.steps
        )
        return (
            f'<div><p style="font-size:1.2em;font-weight:600;color:{color}">{escape(self.headline())}</p>'
            f"{as_html(self.places) if self.places else ''}"
            f'<div style="overflow-x:auto">{draw(self.usecase.graph, self.results)}</div>'
            f"<table><thead><tr><th>step</th><th>kind</th><th>result</th></tr></thead><tbody>{rows}</tbody>"
            "</table></div>"
        )

    def headline(self) -> str:
        """The outcome first, then whatever else was decided, then what was degraded."""
        if self.result.decision is None:
            return _failure_text(self.result)
        decision = _rounded(json.loads(self.result.decision))
        if ranked := ranking(decision):
            decision[ranked[0]] = len(ranked[1])
        head = [str(decision.pop("outcome"))] if "outcome" in decision else []
        head += [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in decision.items()]
        head += [f"degraded: {item['task']} ({_why(item)})" for item in self.result.degraded]
        return "   ".join(head)

    @property
    def places(self) -> Places:
        """The places of a ranking; empty where the decision is none."""
        ranked = ranking(_rounded(json.loads(self.result.decision))) if self.result.decision else None
        return ranked[1] if ranked else []

    def _short(self, name: str) -> str:
        text = self.results.get(name, "not reached")
        return text if len(text) <= RESULT_LIMIT else text[: RESULT_LIMIT - 1] + "…"


def _why(item: dict[str, str]) -> str:
    """Why a task is degraded: its fallback was used, or another provider than the first answered."""
    by = item.get("answered_by")
    return f"{item['provider']} {item['error']}, {by} answered" if by else item["error"]


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
