"""Argument names resolved: which steps ``decide`` reaches, in which order, and what cannot be.

Works on signatures alone, so it serves both a loaded module and a notebook that is only read.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.errors import Fault

GIVEN = frozenset({"request", "now"})
GIVEN_TO_TASKS = frozenset({"models", "history"})
RESERVED = GIVEN | GIVEN_TO_TASKS


@dataclass(frozen=True, slots=True)
class NamedFault(Fault):
    """A fault of a name without a line of its own: who has the source finds what binds ``name``.

    ``Request.field`` names a field.
    """

    name: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """What names need of a function. ``odd``: arguments that are more than a name (default, *, /)."""

    name: str
    needs: tuple[str, ...]
    odd: tuple[str, ...] = ()
    is_task: bool = False
    is_plain: bool = True  # neither async nor a generator
    line: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """The names around: ``fields`` of Request (None: not known), parameters, all other globals.

    ``inner``: functions defined inside another statement, where they may or may not come to be.
    """

    functions: dict[str, Signature]
    fields: frozenset[str] | None
    parameters: frozenset[str] = frozenset()
    globals: frozenset[str] = frozenset()
    inner: frozenset[str] = frozenset()


@dataclass(slots=True)
class Resolution:
    """``order``: the reached steps, each after those it needs; ``decide`` is the last."""

    order: list[str]
    faults: list[Fault]


def resolve_names(scope: Scope) -> Resolution:
    """Follow argument names from ``decide``; every fault is found, not only the first."""
    resolver = _Resolver(scope)
    resolver.check_reserved()
    if "decide" in scope.functions:
        resolver.visit("decide", ())
    else:
        message, hint = "there is no function decide", "export def decide(...) -> Decision"
        resolver.faults.append(NamedFault("decide-missing", message, hint, name="decide"))
    return Resolution(resolver.order, resolver.faults)


class _Resolver:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.order: list[str] = []
        self.faults: list[Fault] = []
        self.entered: set[str] = set()

    def fault(self, rule: str, message: str, hint: str = "", function: str = "") -> None:
        line = self.scope.functions[function].line if function in self.scope.functions else 0
        self.faults.append(Fault(rule, message, hint, line))

    def check_reserved(self) -> None:
        kinds: list[tuple[str, str, Iterable[str]]] = [
            ("a function", "", self.scope.functions),
            ("a field of Request", "Request.", self.scope.fields or ()),
            ("a parameter", "", self.scope.parameters),
        ]
        for kind, prefix, names in kinds:
            for name in sorted(RESERVED.intersection(names)):
                message = f"{name!r} is a given name and cannot be {kind}"
                line = self.scope.functions[name].line if kind == "a function" else 0
                self.faults.append(NamedFault("reserved-name", message, "rename it", line, prefix + name))

    def visit(self, name: str, path: tuple[str, ...]) -> None:
        if name in path:
            cycle = " -> ".join([*path[path.index(name) :], name])
            self.fault("cycle", f"steps need each other: {cycle}", "break the circle", name)
        if name in self.entered:
            return
        self.entered.add(name)
        signature = self.scope.functions[name]
        self._check_form(signature)
        for need in signature.needs:
            self._need(signature, need, (*path, name))
        self.order.append(name)

    def _check_form(self, step: Signature) -> None:
        if not step.is_plain:
            self.fault(
                "plain-function",
                f"step {step.name!r} is async or a generator",
                "write a plain def",
                step.name,
            )
        for argument in step.odd:
            self.fault(
                "argument-form",
                f"argument {argument!r} of step {step.name!r} has a default, or is marked by *, ** or /",
                "an argument is only a name: a step, a field of Request, or a given name",
                step.name,
            )

    def _need(self, step: Signature, need: str, path: tuple[str, ...]) -> None:
        fields = self.scope.fields
        if need in GIVEN:
            return
        if need in GIVEN_TO_TASKS:
            self._given_to_tasks(step, need)
        elif need in self.scope.functions and need in (fields or ()):
            message = f"{need!r}, asked for by {step.name!r}, is both a step and a field of Request"
            self.fault("name-clash", message, "rename the step", need)
        elif need in self.scope.functions:
            self.visit(need, path)
        elif fields is not None and need not in fields:
            self._unknown(step, need)

    def _given_to_tasks(self, step: Signature, need: str) -> None:
        if not step.is_task:
            message = f"plain step {step.name!r} asks for {need!r}, which only tasks are given"
            self.fault("given-to-tasks", message, "decorate it with @task, or take a task's result", step.name)

    def _unknown(self, step: Signature, need: str) -> None:
        if need in self.scope.parameters:
            message = f"{need!r}, an argument of {step.name!r}, is a parameter"
            self.fault("parameter-argument", message, "use it in the body: it is a module global", step.name)
            return
        message = f"argument {need!r} of {step.name!r} is neither a step, nor a field of Request, nor a given name"
        close = difflib.get_close_matches(need, [*self.scope.functions, *(self.scope.fields or ()), *RESERVED], n=1)
        hint = f"did you mean {close[0]!r}?" if close else "export a function, or add a field to Request, of this name"
        if need in self.scope.inner:
            hint = f"define {need!r} at the top level of a cell, not inside another statement"
        elif need in self.scope.globals:
            hint = f"{need!r} exists, but is not a function that an exported cell defines"
        self.fault("unknown-argument", message, hint, step.name)
