"""A straight path: a use case's steps one after another, from recorded facts, as one generated function.

No thread, no deadline, no look-up of names: what is left is what the author wrote. What depends on a single fact alone
is computed once for each text that the fact has (``memo``), as long as that pays: pure steps give the same again. Who
wants to know whether they are pure goes without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.graph import Graph, Step
from chalicelib.usecase import UseCase
from workbench.replaying.memo import Memo

Texts = Mapping[str, str]  # task -> its result as JSON text


class Missing(Exception):
    """There is no result of this task; ``is_other``: its fact answers another question than it would be asked."""

    def __init__(self, task: str, is_other: bool = False) -> None:
        self.task, self.is_other = task, is_other
        super().__init__(task)


class Straight:
    """Calls the steps of a use case.

    ``decide(request, now, texts, check)`` gives its ``Decision``; raises Missing, NotRecordable for a fact that its
    annotation does not take, and whatever a step raises. ``check(step, values, texts)`` is asked before a fact is used
    of a task that is given what other steps gave: it raises Missing when the fact answers another question.
    """

    def __init__(self, usecase: UseCase, memo: bool = True) -> None:
        graph = usecase.graph
        self.closures = _closures(graph) if memo else {}
        names: dict[str, Any] = {"Missing": Missing}
        for step in graph.steps:
            names[f"f_{step.name}"], names[f"s_{step.name}"] = step.function, step
            if step.codec is not None:
                names[f"d_{step.name}"] = step.codec.decode
        for task, closure in self.closures.items():
            names[f"m_{task}"] = Memo(_function(_closure_lines(graph, task, closure), "closure", names))
        self.decide: Callable[..., Any] = _function(_lines(graph, self.closures), "path", names)


def _function(lines: list[str], name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """Names come from the graph, which takes Python's identifiers only."""
    namespace = dict(names)
    exec(compile("\n".join(lines), f"<{name}>", "exec"), namespace)  # noqa: S102
    made: Callable[..., Any] = namespace[name]
    return made


def _lines(graph: Graph, closures: dict[str, tuple[str, ...]]) -> list[str]:
    lines = ["def path(request, now, texts, check):"]
    inside = {name for closure in closures.values() for name in closure}
    for step in graph.steps:
        if step.task:
            lines += _fact_lines(graph, step)
            if step.name in closures:
                outer = ", ".join(f"v_{name}" for name in _frontier(graph, closures[step.name]))
                lines.append(f"    {outer}, = m_{step.name}(t_{step.name})")
        elif step.name not in inside:
            lines.append(f"    v_{step.name} = f_{step.name}({_arguments(graph, step)})")
    return [*lines, "    return v_decide"]


def _fact_lines(graph: Graph, step: Step) -> Iterator[str]:
    name = step.name
    yield f"    t_{name} = texts.get({name!r})"
    if depends := [need for need in step.needs if need in graph.by_name]:
        values = ", ".join(f"{need!r}: v_{need}" for need in depends if not graph.by_name[need].task)
        yield f"    check(s_{name}, {{{values}}}, texts)"
    yield f"    if t_{name} is None: raise Missing({name!r})"


def _closure_lines(graph: Graph, task: str, closure: tuple[str, ...]) -> list[str]:
    lines = [f"def closure(t_{task}):"]
    lines += [f"    v_{name} = f_{name}({_arguments(graph, graph.by_name[name])})" for name in closure]
    return [*lines, f"    return ({', '.join(f'v_{name}' for name in _frontier(graph, closure))},)"]


def _arguments(graph: Graph, step: Step) -> str:
    return ", ".join(_argument(graph, need) for need in step.needs)


def _argument(graph: Graph, need: str) -> str:
    """What logic gave is passed on; each consumer of a fact has it read anew, as it is when it is live."""
    if need in graph.by_name:
        return f"d_{need}(t_{need})" if graph.by_name[need].task else f"v_{need}"
    return need if need in ("request", "now") else f"request.{need}"


def _closures(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Task -> the steps that depend on its result and on nothing else, in their order; tasks with a step that is worth
    it. A task that needs one of them is in no closure's way: it takes what the closure gives."""
    roots: dict[str, frozenset[str]] = {}
    for step in graph.steps:
        if step.task:
            roots[step.name] = frozenset({step.name})
        else:
            needed = [roots.get(need, frozenset({f".{need}"})) for need in step.needs]
            roots[step.name] = frozenset().union(*needed)
    found: dict[str, list[str]] = {}
    for step in graph.steps:
        if step.kind == "step" and len(roots[step.name]) == 1:
            (root,) = roots[step.name]
            if not root.startswith("."):
                found.setdefault(root, []).append(step.name)
    return {task: tuple(names) for task, names in found.items() if _frontier(graph, tuple(names))}


def _frontier(graph: Graph, closure: tuple[str, ...]) -> list[str]:
    """The steps of a closure whose results others need."""
    return [name for name in closure if any(one.name not in closure for one in graph.consumers[name])]
