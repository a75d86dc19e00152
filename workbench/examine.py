"""Loading what a notebook would become, before it is written: what loads here will load in service.

The module's code runs in this process under a name of its own, and the manifest's entry is made
from what it defines: schemas, steps, parameters.
"""

from __future__ import annotations

import ast
import contextlib
import re
import sys
import traceback
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any, ClassVar

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from chalicelib.errors import ContractError
from chalicelib.intake import models_in
from chalicelib.parameters import PARAMETERS, Parameters
from chalicelib.usecase import Source, UseCase, from_namespace
from workbench import draft as drafts
from workbench.draft import Draft
from workbench.fingerprint import fingerprints
from workbench.problems import Problem, at
from workbench.rules.capability import uses
from workbench.rules.places import from_fault

OPTOUT = re.compile(r"#?\s*artemis:\s*ignore\s*(?:\[[^\]]*\])?")


@dataclass(frozen=True)
class Examined:
    """A use case that loads, its parameters, and its entry of the manifest."""

    usecase: UseCase
    parameters: Parameters
    entry: dict[str, Any]


def examine(draft: Draft) -> tuple[Examined | None, list[Problem]]:
    """Load the draft. Gives what was found, or the problems that keep it from loading."""
    name = draft.notebook.name
    module = ModuleType(f"artemis_draft.{name}")
    sys.modules[module.__name__] = module  # pydantic looks forward references up there
    try:
        if isinstance(draft.compiled, Exception):
            raise draft.compiled
        with contextlib.redirect_stdout(sys.stderr):  # stdout is the report's
            return _load(draft, draft.compiled, vars(module)), []
    except ContractError as error:
        return None, sorted({from_fault(draft, fault) for fault in error.faults})
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return None, [_raised(draft, error)]
    finally:
        del sys.modules[module.__name__]


def _load(draft: Draft, code: CodeType, namespace: dict[str, Any]) -> Examined | None:
    """None without a parameters cell, which is a problem of its own."""
    exec(code, namespace)  # noqa: S102
    source = Source(draft.notebook.path, tuple(draft.lines), fingerprints(draft), draft.filename)
    usecase = from_namespace(draft.notebook.name, namespace, source, draft.code.encode())
    parameters: Parameters | None = namespace.get(PARAMETERS)
    return Examined(usecase, parameters, _entry(draft, usecase, parameters)) if parameters else None


def _raised(draft: Draft, error: BaseException) -> Problem:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == draft.filename]
    parsed, line = draft.place(frames[-1].lineno or 0) if frames else (None, 0)
    first = str(error).strip().split("\n")[0]
    message = f"the code raises {type(error).__name__}: {first}"
    cell = parsed.cell if parsed else None
    return at(draft.notebook, cell, "load", message, "exported code runs when it is imported", line, 1)


def _entry(draft: Draft, usecase: UseCase, parameters: Parameters) -> dict[str, Any]:
    title, description = draft.notebook.heading()
    graph = usecase.graph
    return {
        "notebook": draft.notebook.path,
        "title": title,
        "description": description,
        "contract": draft.notebook.contract,
        "parameters": _parameters(draft, parameters),
        "steps": [_step(draft, usecase, step) for step in graph.steps],
        "subject": graph.subject,
        "request": request_schema(graph.request_model),
        "decision": graph.decision_model.model_json_schema(mode="serialization", schema_generator=Schemas),
        "cells": [list(line) for line in draft.lines],
        "tasks": usecase.source.tasks,
        **({"sensitive": True} if usecase.sensitive else {}),
    }


def _step(draft: Draft, usecase: UseCase, step: Any) -> dict[str, Any]:
    place = usecase.place_of_step(step)
    described = {
        "name": step.name,
        "kind": step.kind,
        "needs": list(step.needs),
        "description": (step.function.__doc__ or "").strip().split("\n")[0],
        "cell": place.cell if place else 0,
    }
    if step.task:
        described["timeout"] = step.task.timeout
        described["fallback"] = step.fallback
        described |= uses(draft, step.name, step.needs)
    return described


def _parameters(draft: Draft, parameters: Parameters) -> dict[str, Any]:
    """Parameter -> its default, its annotation as written, and the comment behind it: what it means."""
    parsed = next(parsed for parsed in draft.exported if drafts.PARAMETERS in parsed.cell.tags)
    lines = draft.code.split("\n")
    return {
        node.target.id: {
            "default": parameters.values[node.target.id],
            "description": _comment_behind(lines, node),
            "type": ast.unparse(node.annotation),
        }
        for node in (parsed.tree.body if parsed.tree else ())
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }


def _comment_behind(lines: list[str], node: ast.stmt) -> str:
    """The comment that ends a statement's last line, an opt-out aside. Columns are in UTF-8 bytes."""
    assert node.end_lineno is not None
    rest = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
    return OPTOUT.sub("", rest.partition("#")[2]).strip()


class Schemas(GenerateJsonSchema):
    """pydantic's generator, which looks its own methods up by name once for each schema."""

    def build_schema_type_to_method(self) -> Any:
        cls = type(self)
        if cls._methods is None:
            cls._methods = {kind: method.__name__ for kind, method in super().build_schema_type_to_method().items()}
        return {kind: getattr(self, name) for kind, name in cls._methods.items()}

    def field_is_required(self, field: Any, total: bool) -> bool:
        """A decision is recorded and answered whole: a field with a default is always there."""
        if self.mode != "serialization" or field["type"] == "typed-dict-field":
            return super().field_is_required(field, total)
        return field.get("serialization_exclude_if") is None

    _methods: ClassVar[dict[Any, str] | None] = None


def request_schema(model: type[BaseModel]) -> dict[str, Any]:
    """A request's JSON schema: unknown fields are refused, unless a model says otherwise."""
    schema = model.model_json_schema(mode="validation", schema_generator=Schemas)
    open_models = {found.__name__ for found in models_in(model) if "extra" in found.model_config}
    for name, definition in [(model.__name__, schema), *schema.get("$defs", {}).items()]:
        if "properties" in definition and re.split(r"__", name)[-1] not in open_models:
            definition.setdefault("additionalProperties", False)
    return schema
