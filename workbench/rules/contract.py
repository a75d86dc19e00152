"""Rules of the graph: arguments resolve, facts are recorded, tasks are left to the engine."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from chalicelib.errors import Fault
from chalicelib.names import Scope, Signature, resolve_names
from workbench.bindings import Function, bound, local_names
from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.places import at_node, from_fault

Definition = Function | ast.ClassDef


@rule("decide-missing", whole=True)
def decide_missing(draft: Draft) -> Iterator[Problem]:
    """`decide` is a function at the top level of an exported cell."""
    inner = _inner_functions(draft)
    if "decide" not in draft.functions and "decide" in inner:
        message, hint = "decide is defined inside another statement", "define it at the top level of a cell"
        yield at_node(draft, "decide-missing", message, hint, inner["decide"])


@rule("unknown-argument", whole=True)
def unknown_argument(draft: Draft) -> Iterator[Problem]:
    """Every argument of a step is another step, a field of `Request`, or a given name.

    The given names are `request`, `now`, and for tasks `models`.
    """
    return _faults(draft, "unknown-argument")


@rule("name-clash", whole=True)
def name_clash(draft: Draft) -> Iterator[Problem]:
    """No name that a step asks for is both a step and a field of `Request`."""
    return _faults(draft, "name-clash")


@rule("reserved-name", whole=True)
def reserved_name(draft: Draft) -> Iterator[Problem]:
    """`request`, `now`, `models` and `history` name no function, no field of `Request` and no parameter."""
    return _faults(draft, "reserved-name")


@rule("parameter-argument", whole=True)
def parameter_argument(draft: Draft) -> Iterator[Problem]:
    """No step asks for a parameter as an argument: it is a module global, used in the body."""
    return _faults(draft, "parameter-argument")


@rule("argument-form", whole=True)
def argument_form(draft: Draft) -> Iterator[Problem]:
    """An argument of a step is only a name: no default, no `*`, `**` or `/`."""
    return _faults(draft, "argument-form")


@rule("given-to-tasks", whole=True)
def given_to_tasks(draft: Draft) -> Iterator[Problem]:
    """Only tasks ask for `models` and `history`.

    What they give is recorded as the task's result; logic that used them could not be replayed.
    """
    return _faults(draft, "given-to-tasks")


@rule("plain-function", whole=True)
def plain_function(draft: Draft) -> Iterator[Problem]:
    """A step is a plain `def`: neither async nor a generator.

    The engine runs steps in parallel already: a step that blocks needs no `await`.
    """
    return _faults(draft, "plain-function")


@rule("cycle", whole=True)
def cycle(draft: Draft) -> Iterator[Problem]:
    """Steps do not need each other in a circle."""
    return _faults(draft, "cycle")


@rule("history", whole=True)
def history(draft: Draft) -> Iterator[Problem]:
    """No task asks for `history`, which this version does not offer yet."""
    return _faults(draft, "history")


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


@rule("fact")
def fact(draft: Draft) -> Iterator[Problem]:
    """A task says what it returns, and not ``Any`` or ``object``: its result is recorded by it."""
    for name, (_, node) in draft.functions.items():
        if not is_task(node):
            continue
        if node.returns is None:
            message = f"task {name!r} has no return annotation, so its result cannot be recorded"
            yield at_node(draft, "fact", message, "say what it returns: -> …", node)
        elif ast.unparse(node.returns) in ("Any", "typing.Any", "object"):
            message = f"task {name!r} returns {ast.unparse(node.returns)}, which cannot be recorded"
            yield at_node(draft, "fact", message, "name the type", node.returns)


@rule("star-import")
def star_import(draft: Draft) -> Iterator[Problem]:
    """No ``import *``: nobody could tell which names it brings."""
    for node in draft.nodes:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            message = f"from {node.module} import * in an exported cell"
            yield at_node(draft, "star-import", message, "import the names that are used", node)


@rule("task-called")
def task_called(draft: Draft) -> Iterator[Problem]:
    """A task is never called directly by exported code: it would be neither recorded nor replayed."""
    tasks = {name for name, (_, node) in draft.functions.items() if is_task(node)}
    for name, (_, node) in draft.functions.items():
        for call in draft.nodes_of(node):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in tasks):
                continue
            if call.func.id not in local_names(node):
                message = f"{name!r} calls the task {call.func.id!r} directly"
                hint = f"take {call.func.id!r} as an argument instead"
                yield at_node(draft, "task-called", message, hint, call)
