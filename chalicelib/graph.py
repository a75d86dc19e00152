"""The step graph of an executed namespace: what ``decide`` reaches, each task with its codec."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any

from pydantic import BaseModel

from chalicelib.errors import ContractError, Fault
from chalicelib.facts import KINDS, Codec, NotRecordable, unrecordable
from chalicelib.names import NamedFault, Resolution, Scope, Signature, resolve_names


class SubjectMark:
    """Metadata that marks the field of ``Request`` that says whose decision it is."""


@dataclass(frozen=True, slots=True)
class Step:
    """One node: ``needs`` are its argument names in order; ``codec`` is set for tasks and decide."""

    name: str
    function: FunctionType
    needs: tuple[str, ...]
    task: Any  # chalicelib.usecase.Task, or None for a plain step
    codec: Codec | None
    fallback: str | None = None  # the encoded fallback of a task that has one

    @property
    def kind(self) -> str:
        return "decide" if self.name == "decide" else "task" if self.task else "step"


@dataclass(frozen=True)
class Graph:
    """The steps that ``decide`` reaches, each after those it needs; ``decide`` is the last."""

    request_model: type[BaseModel]
    decision_model: type[BaseModel]
    steps: tuple[Step, ...]
    subject: str | None

    @cached_property
    def by_name(self) -> dict[str, Step]:
        return {step.name: step for step in self.steps}

    @cached_property
    def waits(self) -> dict[str, int]:
        """Step -> how many other steps it waits for."""
        return {step.name: len(self._needed_steps(step)) for step in self.steps}

    @cached_property
    def roots(self) -> tuple[Step, ...]:
        """The steps that wait for no other; tasks last, where the engine takes them first."""
        waiting_for_none = [step for step in self.steps if not self.waits[step.name]]
        return tuple(sorted(waiting_for_none, key=lambda step: step.task is not None))

    @cached_property
    def consumers(self) -> dict[str, tuple[Step, ...]]:
        """Step -> the steps that need its result."""
        return {
            step.name: tuple(other for other in self.steps if step.name in self._needed_steps(other))
            for step in self.steps
        }

    def _needed_steps(self, step: Step) -> frozenset[str]:
        return frozenset(step.needs) & self.by_name.keys()


def resolve(name: str, namespace: dict[str, Any], parameters: frozenset[str]) -> Graph:
    """The graph of an executed namespace. Raises ContractError with every fault found."""
    faults: list[Fault] = []
    request, decision = (_model(namespace, model, faults) for model in ("Request", "Decision"))
    functions = dict(_own_functions(namespace))
    resolution = _resolution(namespace, functions, request, parameters)
    faults += resolution.faults
    steps: list[Step] = []
    if decision is not None and not faults:
        maker = _StepMaker(namespace, functions, faults)
        steps = [step for step in map(maker.make, resolution.order) if step]
    subject = _subject(request, faults) if request else None
    if request is not None and subject is None:
        faults += (_without_subject(functions[name]) for name in resolution.order if _wants_past(functions[name]))
    if faults or request is None or decision is None:
        raise ContractError(name, faults)
    return Graph(request, decision, tuple(steps), subject)


def _model(namespace: dict[str, Any], name: str, faults: list[Fault]) -> type[BaseModel] | None:
    model = namespace.get(name)
    if isinstance(model, type) and issubclass(model, BaseModel):
        return model
    what = "is not a pydantic model" if name in namespace else "is missing"
    faults.append(NamedFault("model-missing", f"{name} {what}", f"export class {name}(BaseModel)", name=name))
    return None


def _own_functions(namespace: dict[str, Any]) -> Iterator[tuple[str, FunctionType]]:
    """The functions that this namespace's own code defined, not those it imported."""
    for name, value in namespace.items():
        if isinstance(value, FunctionType) and value.__module__ == namespace["__name__"]:
            yield name, value


def _resolution(
    namespace: dict[str, Any],
    functions: dict[str, FunctionType],
    request: type[BaseModel] | None,
    parameters: frozenset[str],
) -> Resolution:
    fields = frozenset(request.model_fields) if request else None
    signatures = {name: _signature(name, function) for name, function in functions.items()}
    return resolve_names(Scope(signatures, fields, parameters, frozenset(namespace)))


def _signature(name: str, function: FunctionType) -> Signature:
    needs: list[str] = []
    odd: list[str] = []
    for argument in inspect.signature(function).parameters.values():
        plain = argument.kind is argument.POSITIONAL_OR_KEYWORD and argument.default is argument.empty
        (needs if plain else odd).append(argument.name)
    return Signature(
        name,
        tuple(needs),
        tuple(odd),
        is_task=hasattr(function, "__artemis_task__"),
        is_plain=not (inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function)),
        line=function.__code__.co_firstlineno,
    )


def _subject(request: type[BaseModel], faults: list[Fault]) -> str | None:
    marked = [name for name, info in request.model_fields.items() if _is_subject(info)]
    if len(marked) > 1:
        message = f"Request has {len(marked)} Subject fields: {', '.join(marked)}"
        faults.append(NamedFault("subject", message, "keep one", name=f"Request.{marked[1]}"))
    return marked[0] if marked else None


def _wants_past(function: FunctionType) -> bool:
    return hasattr(function, "__artemis_task__") and "history" in inspect.signature(function).parameters


def _without_subject(function: FunctionType) -> Fault:
    message = f"task {function.__name__!r} asks for history, but Request does not say whose decision it is"
    hint = "annotate the field of Request that does with Subject, such as user_id: Subject"
    return Fault("history", message, hint, function.__code__.co_firstlineno)


def _is_subject(info: Any) -> bool:
    optional = [mark for part in typing.get_args(info.annotation) for mark in getattr(part, "__metadata__", ())]
    return any(isinstance(mark, SubjectMark) for mark in [*info.metadata, *optional])


_BROKEN = object()  # an annotation that cannot be evaluated, which has been said


class _StepMaker:
    """Makes the steps of resolved names, and notes what keeps a result from being recorded."""

    def __init__(self, namespace: dict[str, Any], functions: dict[str, FunctionType], faults: list[Fault]) -> None:
        self.namespace, self.functions, self.faults = namespace, functions, faults

    def make(self, name: str) -> Step | None:
        function = self.functions[name]
        needs = tuple(inspect.signature(function).parameters)
        task = getattr(function, "__artemis_task__", None)
        if name == "decide":
            return self._decide(function, needs, task)
        if task is None:
            return Step(name, function, needs, None, None)
        codec = self._codec(name, function)
        if codec is None:
            return None
        fallback = self._fallback(name, task, codec) if task.has_fallback else None
        return Step(name, function, needs, task, codec, fallback)

    def _decide(self, function: FunctionType, needs: tuple[str, ...], task: Any) -> Step:
        if task is not None:
            self._fault("decide-task", "decide is logic and cannot be a task", "drop @task", "decide")
        if self._returns("decide", function) not in (self.namespace["Decision"], _BROKEN):
            self._fault("decide-returns", "decide must be annotated to return Decision", "-> Decision", "decide")
        return Step("decide", function, needs, None, Codec(self.namespace["Decision"]))

    def _codec(self, name: str, function: FunctionType) -> Codec | None:
        returns = self._returns(name, function)
        if returns is _BROKEN:
            return None
        if returns is inspect.Signature.empty:
            self._fault("fact", f"task {name!r} has no return annotation", "say what it returns: -> …", name)
            return None
        try:
            if reason := unrecordable(returns):
                raise NotRecordable(reason)
            return Codec(returns)
        except Exception as error:  # pydantic raises many kinds on types it cannot handle
            self._fault("fact", f"the result of task {name!r} cannot be recorded: {error}", f"return {KINDS}", name)
            return None

    def _returns(self, name: str, function: FunctionType) -> Any:
        try:
            hints = typing.get_type_hints(function, self.namespace, include_extras=True)
        except Exception as error:
            message = f"an annotation of {name!r} cannot be evaluated: {error}"
            self._fault("annotation", message, "mend it, and export or import what it names", name)
            return _BROKEN
        return hints.get("return", inspect.Signature.empty)

    def _fallback(self, name: str, task: Any, codec: Codec) -> str | None:
        try:
            text = codec.encode(task.fallback)
            codec.decode(text)
        except NotRecordable as error:
            hint = "give a value that the task could return, or widen what it says it returns"
            self._fault("fallback", f"the fallback of task {name!r} does not fit: {error}", hint, name)
            return None
        return text

    def _fault(self, rule: str, message: str, hint: str, function: str) -> None:
        self.faults.append(Fault(rule, message, hint, self.functions[function].__code__.co_firstlineno))
