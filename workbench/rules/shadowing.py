"""The rule of shadowing: a name means one thing, above all a step's or a parameter's."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from workbench.bindings import Function, bound, walk
from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.contract import resolved
from workbench.rules.places import at_node

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))
Definition = Function | ast.ClassDef
RENAME = "use another name"


@rule("shadowing", "warning", whole=True, optional=True)
def shadowing(draft: Draft) -> Iterator[Problem]:
    """No name of a function, a parameter or a builtin is given a second meaning.

    A function whose name is taken again is lost. A local variable or a helper's argument of a parameter's name is not
    what the stage sets, though it reads like it. An exported name of a builtin takes its place in all exported code.

    Bad:
        def share(count: int) -> float:
            faces_max = 3
            return count / faces_max

    Good:
        def share(count: int) -> float:
            most = 3
            return count / most
    """
    yield from _lost_functions(draft)
    yield from _taken_builtins(draft)
    yield from _local_names(draft)
    yield from _helper_arguments(draft)


def _lost_functions(draft: Draft) -> Iterator[Problem]:
    """Functions and what else has their name: the last one counts, also for what stands above it."""
    for name in draft.functions:
        (first, before), *later = draft.bindings[name]
        is_function = isinstance(before, Function)
        for _, statement in later:
            if _is_overload(before) or (name in draft.parameters and not is_function):
                continue  # a parameter that is given another value is reported by `rebinding`
            message = f"{name!r} is already defined in cell {first.cell.number}, and lost from here on"
            if is_function and not isinstance(statement, Function):
                message = f"{name!r} is a function of cell {first.cell.number}: this gives the name another meaning"
            yield at_node(draft, "shadowing", message, f"{RENAME}, or remove one of the two", _binder(statement, name))


def _is_overload(statement: ast.stmt) -> bool:
    return isinstance(statement, Function) and any("overload" in ast.dump(node) for node in statement.decorator_list)


def _binder(statement: ast.stmt, name: str) -> ast.AST:
    return next((node for found, node in bound(statement) if found == name), statement)


def _taken_builtins(draft: Draft) -> Iterator[Problem]:
    for name in sorted(draft.bindings.keys() & BUILTINS):
        _, statement = draft.bindings[name][0]
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            message = f"{name!r} takes the place of Python's own {name} in all exported code"
            yield at_node(draft, "shadowing", message, RENAME, _binder(statement, name))


def _local_names(draft: Draft) -> Iterator[Problem]:
    """Variables of functions that are named like a parameter, of comprehensions outside of them also like a step."""
    names = draft.functions.keys() | set(draft.parameters)
    stored = {node.id for node in draft.by_kind.get(ast.Name, ()) if isinstance(node.ctx, ast.Store)}
    for function in draft.by_kind.get(ast.FunctionDef, ()) if stored & names else ():
        yield from _in_function(draft, function, stored)
    for statement in draft.tree.body if stored & names else ():
        if not isinstance(statement, Definition):
            yield from _in_comprehensions(draft, statement, names)


def _in_function(draft: Draft, function: Function, stored: set[str]) -> Iterator[Problem]:
    nodes = [node for statement in function.body for node in walk(statement)]
    declared = {name for node in nodes if isinstance(node, (ast.Global, ast.Nonlocal)) for name in node.names}
    declared |= {argument.arg for argument in function.args.args}  # a step's is reported as such, a helper's below
    for name in sorted(stored.intersection(draft.parameters) - declared):
        node = next((node for node in nodes if _stores(node, name)), None)
        if node is not None:
            message = f"{name!r} is a parameter, but in {function.name!r} a local variable: a stage's value is not used"
            yield at_node(draft, "shadowing", message, RENAME, node)


def _stores(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


def _in_comprehensions(draft: Draft, statement: ast.stmt, names: set[str]) -> Iterator[Problem]:
    for node in draft.nodes_of(statement):
        for part in node.generators if isinstance(node, Comprehension) else ():
            for target in walk(part.target):
                if isinstance(target, ast.Name) and target.id in names:
                    kind = "parameter" if target.id in draft.parameters else "function"
                    message = f"{target.id!r} is a {kind}, but in this comprehension something else"
                    yield at_node(draft, "shadowing", message, RENAME, target)


def _helper_arguments(draft: Draft) -> Iterator[Problem]:
    """A helper may take a value under a parameter's name, but then its body does not use the parameter."""
    names = set(draft.parameters)
    for argument in draft.by_kind.get(ast.arg, ()) if names else ():
        if argument.arg in names and not _is_asked_for(draft, argument):
            message = f"the argument {argument.arg!r} hides the parameter: a stage's value is not used here"
            yield at_node(draft, "shadowing", message, RENAME, argument)


def _is_asked_for(draft: Draft, argument: ast.arg) -> bool:
    """Whether the graph's own rule says that a step may not ask for it."""
    lines = {fault.line for fault in draft.once(resolved) if fault.rule == "parameter-argument"}
    return any(
        argument in function.args.args
        and min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)]) in lines
        for _, function in draft.functions.values()
    )
