"""Where `Sensitive` can stand: whether a use case has sensitive fields, and which of them cannot be."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BaseModel

from chalicelib.errors import Fault
from chalicelib.graph import Graph, Step
from chalicelib.intake import mentioned
from chalicelib.names import NamedFault
from chalicelib.photo import Photo
from chalicelib.sensitive import SensitiveMark, holds_sensitive

RULE = "sensitive"


def is_sensitive(graph: Graph) -> bool:
    """Whether anything that a decision leaves behind holds a sensitive field."""
    codecs = (step.codec for step in graph.steps if step.codec)
    return holds_sensitive(graph.request_model.__pydantic_core_schema__) or any(codec.sensitive for codec in codecs)


def misplaced(graph: Graph) -> list[Fault]:
    """What is marked and cannot be: what decisions are looked up by, pictures, and the keys of a dict."""
    looked_up = {(graph.request_model, graph.subject): "the Subject", (graph.decision_model, "outcome"): "the outcome"}
    faults: list[Fault] = []
    for model in dict.fromkeys(_models(graph)):
        for name, info in model.model_fields.items():
            annotation = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
            place = f"{model.__name__}.{name}"
            if (what := looked_up.get((model, name))) and _is_marked(annotation):
                message = f"{place} is Sensitive, but decisions are looked up by {what}"
                hint = "drop Sensitive; a pseudonym, such as your own number of a person, can be the Subject"
                faults.append(NamedFault(RULE, message, hint, name=place))
            faults += (NamedFault(RULE, f"{place}: {why}", hint, name=place) for why, hint in _impossible(annotation))
    for step in graph.steps:
        line = step.function.__code__.co_firstlineno
        faults += (Fault(RULE, f"{step.name!r}: {why}", hint, line) for why, hint in _impossible(returned(step)))
    return faults


def returned(step: Step) -> Any:
    """What a step is annotated to return; None where it is not, or where that cannot be evaluated."""
    try:
        return typing.get_type_hints(step.function, include_extras=True).get("return")
    except Exception:  # a plain step's annotation is nobody's but its author's
        return None


def reaches_mark(annotation: Any) -> bool:
    """Whether anything that an annotation mentions is sensitive, at any depth."""
    return any(isinstance(part, SensitiveMark) for part in mentioned(annotation))


def _models(graph: Graph) -> Iterator[type[BaseModel]]:
    for annotation in (graph.request_model, *map(returned, graph.steps)):
        for part in mentioned(annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield part


def _impossible(annotation: Any) -> Iterator[tuple[str, str]]:
    """Why marks in an annotation cannot be, and what to do."""
    for part in _parts(annotation):
        marks = [mark for mark in getattr(part, "__metadata__", ()) if isinstance(mark, SensitiveMark)]
        if marks and Photo in mentioned(typing.get_args(part)[0]):
            yield "a Photo cannot be Sensitive: only its digest is stored", "keep it out of what is marked"
        if typing.get_origin(part) is dict and _is_marked(typing.get_args(part)[0]):
            yield "the keys of a dict cannot be Sensitive", "mark the dict: Sensitive[dict[…, …]]"


def _is_marked(annotation: Any) -> bool:
    return any(isinstance(part, SensitiveMark) for part in _parts(annotation))


def _parts(annotation: Any) -> Iterator[Any]:
    """An annotation and what it is written with; not the fields of the models in it."""
    yield annotation
    for part in typing.get_args(annotation):
        yield from _parts(part)
