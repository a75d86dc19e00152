"""Rules of capabilities: what tasks ask of `models`, and whether somebody on every stage answers it.

What a task asks is read from its code: attributes of its argument `models`, also where that is called by another
name, and in the functions that it is passed to.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from workbench.bindings import Function
from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.contract import is_task
from workbench.rules.places import at_node
from workbench.rules.reach import arguments, reachable
from workbench.scopes import DEEP, Code, Scope, Unit
from workbench.scoping import code

MODELS, HISTORY = "models", "history"
USE_CASE_AT = {"decisions": 0, "labels": 0, "results": 1, "outcomes": 1}  # where a method of history takes the use case
Passed = tuple[Function, str, tuple[str, ...]]  # to which function, as which argument, by which path


@dataclass(frozen=True, slots=True)
class Asked:
    """An attribute taken of `models` or `history`. ``path``: the task, then the functions that it came through.

    ``model``: the first argument, where that is a text and the attribute is ``predict``.
    """

    name: str
    node: ast.expr
    path: tuple[str, ...]
    model: str = ""
    call: ast.Call | None = None

    @property
    def whole(self) -> str:
        """``predict/match_score``, or the capability: what stage files call it."""
        return f"{self.name}/{self.model}" if self.model else self.name


@rule("capability", whole=True, optional=True)
def capability(draft: Draft) -> Iterator[Problem]:
    """What a task asks of `models` is a capability: moderation, faces, text, labels, embedding, predict or query.

    There is nothing else to ask for: the task would fail in every decision. Functions that a task passes `models`
    to are looked at, too.

    Bad:
        @task(timeout=5)
        def faces(photo: Photo, models) -> list[Face]:
            return models.face(photo)

    Good:
        @task(timeout=5)
        def faces(photo: Photo, models) -> list[Face]:
            return models.faces(photo)
    """
    found = draft.once(asked)
    if not found:
        return
    from chalicelib.models import CAPABILITIES, Models

    known = {*CAPABILITIES, *(name for name in dir(Models) if not name.startswith("_"))}
    for one in found:
        if one.name not in known:
            close = difflib.get_close_matches(one.name.lower(), CAPABILITIES, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(CAPABILITIES)}"
            message = f"{_who(one)} asks models for {one.name!r}, which is no capability"
            yield at_node(draft, "capability", message, hint, one.node)


@rule("no-provider", "warning", whole=True, optional=True)
def no_provider(draft: Draft) -> Iterator[Problem]:
    """What a use case asks of `models` is answered by a provider on every stage.

    Where a stage file names none, the task fails in every decision there, or goes on with its fallback. Name one
    under `providers:` in that stage file; a model of `predict` may have one of its own, as `predict/match_score`.
    """
    if not draft.answered:
        return
    from chalicelib.models import CAPABILITIES

    steps = set(reachable(draft))
    told = set()
    for one in draft.once(asked):
        lacking = [stage for stage, names in sorted(draft.answered.items()) if not _is_answered(one, names)]
        if not lacking or one.whole in told or one.name not in CAPABILITIES or one.path[0] not in steps:
            continue
        told.add(one.whole)
        where = f"the stage {lacking[0]}" if len(lacking) == 1 else f"the stages {', '.join(lacking)}"
        message = f"{_who(one)} asks for {one.whole}, and nobody answers it on {where}"
        hint = f"name a provider of {one.name} under providers: in usecases/stages/{lacking[0]}.yaml"
        yield at_node(draft, "no-provider", message, hint, one.node)


def _is_answered(one: Asked, names: frozenset[str]) -> bool:
    """Whether the stage file names somebody; for a model whose name is not written out any of `predict` will do."""
    if one.name == "predict" and not one.model and any(name.startswith("predict/") for name in names):
        return True
    return one.name in names or one.whole in names


def _who(one: Asked) -> str:
    task, *through = one.path
    return f"task {task!r}" + (f" through {' -> '.join(map(repr, through))}" if through else "")


def asked(draft: Draft) -> list[Asked]:
    """All that tasks ask of `models`, in reading order. Ask for it by ``draft.once(asked)``."""
    return _taken(draft, MODELS)


def remembered(draft: Draft) -> list[Asked]:
    """All that tasks ask of `history`, in reading order. Ask for it by ``draft.once(remembered)``."""
    return _taken(draft, HISTORY)


def uses(draft: Draft, task: str, needs: Collection[str]) -> dict[str, list[str]]:
    """What one task asks, for the manifest: ``asks`` as stage files name it, ``history`` as names of use cases.

    A model or use case whose name is not written out is ``?``. ``needs``: the task's arguments.
    """
    found: dict[str, set[str]] = {}
    if MODELS in needs:
        found["asks"] = {_asked_name(one) for one in draft.once(asked) if one.path[0] == task}
    if HISTORY in needs:
        found["history"] = {_use_case(draft, one) for one in draft.once(remembered) if one.path[0] == task}
    return {kind: sorted(names) for kind, names in found.items() if names}


def _asked_name(one: Asked) -> str:
    return f"{one.name}/{one.model or '?'}" if one.name == "predict" else one.name


def _use_case(draft: Draft, one: Asked) -> str:
    """Whose past a call of `history` asks for: the asking use case's own, where it names none."""
    call, place = one.call, USE_CASE_AT.get(one.name)
    if call is None or place is None:
        return "?"
    named = [keyword.value for keyword in call.keywords if keyword.arg == "use_case"]
    (value,) = [*named, *call.args[place : place + 1], None][:1]
    if value is None:
        return draft.notebook.name
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else "?"


def _taken(draft: Draft, given: str) -> list[Asked]:
    """The attributes that tasks take of a given name."""
    tasks = {name: node for name, (_, node) in draft.functions.items() if is_task(node)}
    starts = [(name, node) for name, node in tasks.items() if any(a.arg == given for a in arguments(node))]
    if not starts:
        return []
    walked, found = draft.once(code), list[Asked]()
    waiting: list[Passed] = [(node, given, (name,)) for name, node in starts]
    seen: set[tuple[Function, str]] = set()
    for node, argument, path in waiting:  # grows as it is walked
        if (node, argument) not in seen:
            seen.add((node, argument))
            unit = walked.units[node]
            found += _attributes(unit, argument, path)
            waiting += _passed(draft, walked, unit, argument, path)
    return sorted(found, key=lambda one: (one.node.lineno, one.node.col_offset))


def _attributes(unit: Unit, argument: str, path: tuple[str, ...]) -> Iterator[Asked]:
    for mention in unit.mentions:
        if mention.parts and _is_argument(mention.root, mention.scope, unit.statement, argument):
            name = mention.parts[0]
            model = _model(mention.call) if name == "predict" else ""
            yield Asked(name, mention.node, path, model, mention.call)


def _model(call: ast.Call | None) -> str:
    """The model that ``predict`` is called with; empty where it is not written out."""
    named = [keyword.value for keyword in call.keywords if keyword.arg == "model"] if call else []
    first = [*(call.args[:1] if call else []), *named][:1]
    value = first[0].value if first and isinstance(first[0], ast.Constant) else None
    return value if isinstance(value, str) else ""


def _passed(draft: Draft, walked: Code, unit: Unit, argument: str, path: tuple[str, ...]) -> Iterator[Passed]:
    """The exported functions that are called with it."""
    for call, scope in unit.nodes:
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            continue
        name = call.func.id
        if name not in draft.functions or not walked.is_global(name, scope):
            continue
        function = draft.functions[name][1]
        takes = [one.arg for one in arguments(function)]
        given = [*zip(takes, call.args, strict=False), *((one.arg, one.value) for one in call.keywords)]
        for taken, value in given:
            if taken in takes and _is_argument(value, scope, unit.statement, argument):
                yield function, taken, (*path, name)


def _is_argument(node: ast.expr, scope: Scope, function: ast.stmt, argument: str, depth: int = 0) -> bool:
    """Whether a name is the function's argument, or surely stands for it."""
    holder = scope.find(node.id) if isinstance(node, ast.Name) else None
    if holder is None or not isinstance(node, ast.Name) or depth > DEEP:
        return False
    values = holder.names[node.id]
    if holder.node is function and node.id == argument:
        return all(how in ("annotated", "other", "default") for how, _ in values)  # else it may be something else now
    if len(values) != 1 or values[0][0] != "is":
        return False
    return _is_argument(values[0][1], holder, function, argument, depth + 1)
