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
PLAINLY = "what a serializer writes is stored as it is, and the Sensitive in it counts for nothing"
UNMARK = "drop the serializer, or write the field in the form that is wanted"
SUBJECT, OUTCOME = "the Subject", "the outcome"
HINTS = {
    SUBJECT: "drop Sensitive; a pseudonym, such as your own number of a person, can be the Subject",
    OUTCOME: "drop Sensitive; what must not be read can stand in another field of Decision",
}


def is_sensitive(graph: Graph) -> bool:
    """Whether anything that a decision leaves behind holds a sensitive field."""
    codecs = (step.codec for step in graph.steps if step.codec)
    return holds_sensitive(graph.request_model.__pydantic_core_schema__) or any(codec.sensitive for codec in codecs)


def mentions_mark(graph: Graph) -> bool:
    """Whether it is written so: a serializer of its author's may have taken the mark's place."""
    annotations = (graph.request_model, *(returned(step) for step in graph.steps if step.codec))
    return any(map(reaches_mark, annotations))


def misplaced(graph: Graph) -> list[Fault]:
    """What is marked and cannot be: what decisions are looked up by, pictures, the keys of a dict, and what is written
    by a serializer of its author's."""
    looked_up = {(graph.request_model, graph.subject): SUBJECT, (graph.decision_model, "outcome"): OUTCOME}
    faults: list[Fault] = []
    for model in dict.fromkeys(_models(graph)):
        for name, info in model.model_fields.items():
            annotation = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
            place = f"{model.__name__}.{name}"
            if (what := looked_up.get((model, name))) and _is_marked(annotation):
                message = f"{place} is Sensitive, but decisions are looked up by {what}"
                hint = HINTS[what]
                faults.append(NamedFault(RULE, message, hint, name=place))
            faults += (NamedFault(RULE, f"{place}: {why}", hint, name=place) for why, hint in _impossible(annotation))
    for step in graph.steps:
        line = step.function.__code__.co_firstlineno
        faults += (Fault(RULE, f"{step.name!r}: {why}", hint, line) for why, hint in _impossible(returned(step)))
    return faults + [NamedFault(RULE, f"{place}: {PLAINLY}", UNMARK, name=place) for place in _overruled(graph)]


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


def _overruled(graph: Graph) -> Iterator[str]:
    """Models and fields that serializers of the author's write, though something in them is marked."""
    for kind in dict.fromkeys(
        part for one in (graph.request_model, *map(returned, graph.steps)) for part in mentioned(one)
    ):
        decorators = getattr(kind, "__pydantic_decorators__", None)
        fields = _marked_fields(kind) if decorators else {}
        if decorators and fields and decorators.model_serializers:
            yield kind.__name__
        written = {name for one in getattr(decorators, "field_serializers", {}).values() for name in one.info.fields}
        for name, annotation in fields.items():
            if written & {name, "*"} or any(map(_is_overruled, _parts(annotation))):
                yield f"{kind.__name__}.{name}"
    for step in graph.steps:
        if any(map(_is_overruled, _parts(returned(step)))):
            yield step.name


def _marked_fields(kind: Any) -> dict[str, Any]:
    """The annotations of a model's, or a pydantic dataclass's, fields that reach a mark."""
    fields = getattr(kind, "__pydantic_fields__", {}).items()
    found = {name: Annotated[info.annotation, *info.metadata, None] for name, info in fields}
    return {name: annotation for name, annotation in found.items() if reaches_mark(annotation)}


def _is_overruled(part: Any) -> bool:
    """Whether an annotation has a serializer outside of a mark; one that is inside is sealed with what it writes."""
    from pydantic import PlainSerializer, SerializeAsAny, WrapSerializer

    inner, *metadata = typing.get_args(part) if hasattr(part, "__metadata__") else (None,)
    for at, one in enumerate(metadata):
        within = any(isinstance(other, SensitiveMark) for other in metadata[:at])
        if isinstance(one, PlainSerializer | WrapSerializer) and (within or reaches_mark(inner)):
            return True
        if isinstance(one, SerializeAsAny) and (within or _is_marked(inner)):
            return True
    return False


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
