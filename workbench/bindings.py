"""Which names a statement binds at module level, and which it uses: what closure and reach are made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef
NESTED = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def bound(tree: ast.AST, inner: bool = True) -> Iterator[tuple[str, ast.AST]]:
    """(name, node) for every name that running this code binds in its module.

    ``inner=False`` leaves functions and comprehensions unsearched for ``global`` and ``:=``, which
    is right, and much faster, for code in which neither is written.
    """
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield from ((name, node) for name in _names(node))
        if isinstance(node, (*NESTED, ast.ClassDef)):
            if inner:
                yield from _declared_global(node)
                stack.extend(walrus for walrus in ast.walk(node) if isinstance(walrus, ast.NamedExpr) and _leaks(node))
            continue
        stack.extend(ast.iter_child_nodes(node))


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [alias.asname or alias.name.split(".")[0] for alias in node.names if alias.name != "*"]
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        return [node.name]
    if isinstance(node, ast.MatchMapping) and node.rest:
        return [node.rest]
    return []


def _leaks(node: ast.AST) -> bool:
    """A walrus inside a comprehension binds outside of it."""
    return isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))


def _declared_global(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Global):
            yield from ((name, inner) for name in inner.names)


def used(node: ast.AST) -> set[str]:
    """Every name that is read anywhere in this code, local ones too."""
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)}


def local_names(function: Function | ast.Lambda) -> set[str]:
    """Arguments and assigned names of one function, without those of functions inside it."""
    arguments = function.args
    names = {argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    names |= {argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument}
    body = function.body if isinstance(function.body, list) else [function.body]
    return names | {name for statement in body for name, _ in bound(statement)}
