"""Rules of the graph: argument names resolve, and what is given to whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from chalicelib.errors import Fault
from chalicelib.names import Scope, Signature, resolve_names
from workbench.bindings import Function, bound
from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.places import at_node, from_fault

Definition = Function | ast.ClassDef


@rule("decide-missing", whole=True)
def decide_missing(draft: Draft) -> Iterator[Problem]:
    """`decide` is a function at the top level of an exported cell.

    In `if` or `try` it might be there or not; the graph of steps must not depend on that.

    Bad:
        if faces_max > 0:
            def decide(faces: list[Face]) -> Decision:
                return Decision(outcome="approve")
    """
    inner = _inner_functions(draft)
    if "decide" not in draft.functions and "decide" in inner:
        message, hint = "decide is defined inside another statement", "define it at the top level of a cell"
        yield at_node(draft, "decide-missing", message, hint, inner["decide"])


@rule("unknown-argument", whole=True)
def unknown_argument(draft: Draft) -> Iterator[Problem]:
    """Every argument of a step is another step, a field of `Request`, or a given name.

    The given names are `request`, `now`, and for tasks `models` and `history`. Nothing is ambient: what a step needs
    stands in its signature, and its name says where it comes from.

    Bad:
        def decide(crowdde: bool) -> Decision:
            return Decision(outcome="review" if crowdde else "approve")

    Good:
        def decide(crowded: bool) -> Decision:
            return Decision(outcome="review" if crowded else "approve")
    """
    return _faults(draft, "unknown-argument")


@rule("name-clash", whole=True)
def name_clash(draft: Draft) -> Iterator[Problem]:
    """No name that a step asks for is both a step and a field of `Request`.

    It could mean either.

    Bad:
        def photo(faces: list[Face]) -> bool:
            return len(faces) == 1


        def decide(photo: bool) -> Decision:
            return Decision(outcome="approve" if photo else "review")
    """
    return _faults(draft, "name-clash")


@rule("reserved-name", whole=True)
def reserved_name(draft: Draft) -> Iterator[Problem]:
    """`request`, `now`, `models` and `history` name no function, no field of `Request` and no parameter.

    They are what Artemis itself gives to steps.

    Bad:
        def now() -> float:
            return 0.5
    """
    return _faults(draft, "reserved-name")


@rule("parameter-argument", whole=True)
def parameter_argument(draft: Draft) -> Iterator[Problem]:
    """No step asks for a parameter as an argument: it is a module global, used in the body.

    A stage sets it in the module, and papermill in the notebook.

    Bad:
        def decide(faces: list[Face], faces_max: int) -> Decision:
            return Decision(outcome="review" if len(faces) > faces_max else "approve")

    Good:
        def decide(faces: list[Face]) -> Decision:
            return Decision(outcome="review" if len(faces) > faces_max else "approve")
    """
    return _faults(draft, "parameter-argument")


@rule("argument-form", whole=True)
def argument_form(draft: Draft) -> Iterator[Problem]:
    """An argument of a step is only a name: no default, no `*`, `**` or `/`.

    A default would stand in, in silence, for a step whose name is spelt wrong.

    Bad:
        def decide(crowded: bool = False) -> Decision:
            return Decision(outcome="review" if crowded else "approve")
    """
    return _faults(draft, "argument-form")


@rule("given-to-tasks", whole=True)
def given_to_tasks(draft: Draft) -> Iterator[Problem]:
    """Only tasks ask for `models` and `history`.

    What they give is recorded as the task's result; logic that used them could not be replayed.

    Bad:
        def crowded(photo: Photo, models) -> bool:
            return len(models.faces(photo)) > faces_max

    Good:
        @task(timeout=5)
        def crowded(photo: Photo, models) -> bool:
            return len(models.faces(photo)) > faces_max
    """
    return _faults(draft, "given-to-tasks")


@rule("plain-function", whole=True)
def plain_function(draft: Draft) -> Iterator[Problem]:
    """A step is a plain `def`: neither async nor a generator.

    The engine runs steps in parallel already: a step that blocks needs no `await`.

    Bad:
        async def decide(crowded: bool) -> Decision:
            return Decision(outcome="review" if crowded else "approve")
    """
    return _faults(draft, "plain-function")


@rule("cycle", whole=True)
def cycle(draft: Draft) -> Iterator[Problem]:
    """Steps do not need each other in a circle.

    None of them could be the first.

    Bad:
        def crowded(calm: bool) -> bool:
            return not calm


        def calm(crowded: bool) -> bool:
            return not crowded
    """
    return _faults(draft, "cycle")


def _faults(draft: Draft, name: str) -> Iterator[Problem]:
    return (from_fault(draft, fault) for fault in draft.once(resolved) if fault.rule == name)


def resolved(draft: Draft) -> list[Fault]:
    """Every fault of following argument names from ``decide``."""
    if "decide" not in draft.functions:
        return []
    inner = _inner_functions(draft)
    signatures = {name: _signature(node, draft.nodes_of(node)) for name, (_, node) in draft.functions.items()}
    scope = Scope(signatures, _fields(draft), frozenset(draft.parameters), frozenset(draft.bindings), frozenset(inner))
    return resolve_names(scope).faults


def _inner_functions(draft: Draft) -> dict[str, ast.AST]:
    """Functions that ``if``, ``try`` and the like define: they are in the module, but not at its top level."""
    compound = (node for node in draft.tree.body if hasattr(node, "body") and not isinstance(node, Definition))
    found = ((name, inner) for node in compound for name, inner in bound(node, inner=False))
    return {name: inner for name, inner in found if isinstance(inner, Function)}


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, nodes: list[ast.AST]) -> Signature:
    arguments = node.args
    plain = arguments.args[: len(arguments.args) - len(arguments.defaults)]
    odd = [*arguments.posonlyargs, *arguments.args[len(plain) :], *arguments.kwonlyargs]
    odd += [argument for argument in (arguments.vararg, arguments.kwarg) if argument]
    generates = any(isinstance(inner, (ast.Yield, ast.YieldFrom)) for inner in nodes)
    return Signature(
        node.name,
        tuple(argument.arg for argument in plain),
        tuple(argument.arg for argument in odd),
        is_task=is_task(node),
        is_plain=isinstance(node, ast.FunctionDef) and not generates,
        line=min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]),
    )


def is_task(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function is decorated ``@task`` or ``@task(…)``, under whatever module alias."""
    return any(map(is_task_decorator, node.decorator_list))


def is_task_decorator(node: ast.expr) -> bool:
    target = node.func if isinstance(node, ast.Call) else node
    return (isinstance(target, ast.Name) and target.id == "task") or (
        isinstance(target, ast.Attribute) and target.attr == "task"
    )


def _fields(draft: Draft, name: str = "Request", depth: int = 0) -> frozenset[str] | None:
    """The fields of a model as written; None where a base class comes from elsewhere."""
    classes = [node for _, node in draft.bindings.get(name, ()) if isinstance(node, ast.ClassDef)]
    if not classes or depth > 10:
        return None
    fields: set[str] = set()
    for base in classes[-1].bases:
        if not isinstance(base, ast.Name):
            return None
        if base.id == "BaseModel":
            continue
        inherited = _fields(draft, base.id, depth + 1)
        if inherited is None:
            return None
        fields |= inherited
    annotated = (node.target for node in classes[-1].body if isinstance(node, ast.AnnAssign))
    return frozenset(fields | {target.id for target in annotated if isinstance(target, ast.Name)})
