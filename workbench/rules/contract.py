"""Rules of the graph: arguments resolve, facts are recorded, tasks are left to the engine."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from chalicelib.names import Scope, Signature, resolve_names
from workbench.bindings import Function, bound, local_names
from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.places import at_node, from_fault

Definition = Function | ast.ClassDef


def graph(draft: Draft) -> Iterator[Problem]:
    """Every argument resolves, no step needs itself, given names are left alone."""
    inner = _inner_functions(draft)
    if "decide" not in draft.functions:
        if "decide" in inner:
            message, hint = "decide is defined inside another statement", "define it at the top level of a cell"
            yield at_node(draft, "decide-missing", message, hint, inner["decide"])
        return
    signatures = {name: _signature(node, draft.nodes_of(node)) for name, (_, node) in draft.functions.items()}
    scope = Scope(signatures, _fields(draft), frozenset(draft.parameters), frozenset(draft.bindings), frozenset(inner))
    for fault in resolve_names(scope).faults:
        yield from_fault(draft, fault)


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


def star_import(draft: Draft) -> Iterator[Problem]:
    """No ``import *``: nobody could tell which names it brings."""
    for node in draft.nodes:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            message = f"from {node.module} import * in an exported cell"
            yield at_node(draft, "star-import", message, "import the names that are used", node)


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
