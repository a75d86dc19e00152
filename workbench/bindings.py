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
SCOPES = frozenset((*NESTED, ast.ClassDef))
BINDING = frozenset(
    (
        *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Name, ast.Import, ast.ImportFrom),
        *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping),
    )
)
LEAVES = frozenset(("ctx", "op", "ops", "id", "attr", "arg", "kind", "type_comment", "lineno", "level", "module"))


class _Children(dict[type[ast.AST], tuple[str, ...]]):
    """Kind of node -> its fields that may hold nodes."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        fields = () if kind is ast.Constant else tuple(name for name in kind._fields if name not in LEAVES)
        self[kind] = fields
        return fields


CHILDREN = _Children()


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below one, operators and contexts aside."""
    found: list[ast.AST] = []
    for name in CHILDREN[type(node)]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def walk(root: ast.AST) -> list[ast.AST]:
    """Every node below and with ``root``, operators and contexts aside, in a third of ``ast.walk``'s time."""
    found = [root]
    for node in found:
        found += children(node)
    return found


def bound(tree: ast.AST, inner: bool = True) -> Iterator[tuple[str, ast.AST]]:
    """(name, node) for every name that running this code binds in its module.

    ``inner=False`` leaves functions and comprehensions unsearched for ``global`` and ``:=``, which
    is right, and much faster, for code in which neither is written.
    """
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if node.__class__ in BINDING:
            yield from ((name, node) for name in _names(node))
        if node.__class__ in SCOPES:
            if inner:
                yield from _declared_global(node)
                stack.extend(walrus for walrus in walk(node) if isinstance(walrus, ast.NamedExpr) and _leaks(node))
                stack.extend(_evaluated_outside(node))
            continue
        stack += children(node)


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


def _evaluated_outside(node: ast.AST) -> list[ast.expr]:
    """What of a definition runs where it stands: decorators, defaults, base classes."""
    outside = list(getattr(node, "decorator_list", ()))
    if isinstance(node, ast.ClassDef):
        outside += [*node.bases, *(keyword.value for keyword in node.keywords)]
    arguments = getattr(node, "args", None)
    if isinstance(arguments, ast.arguments):
        outside += [*arguments.defaults, *(default for default in arguments.kw_defaults if default)]
    return outside


def _declared_global(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    for inner in walk(node):
        if isinstance(inner, ast.Global):
            yield from ((name, inner) for name in inner.names)


def local_names(function: Function | ast.Lambda) -> set[str]:
    """Arguments and assigned names of one function, without those of functions inside it."""
    arguments = function.args
    names = {argument.arg for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    names |= {argument.arg for argument in (arguments.vararg, arguments.kwarg) if argument}
    body = function.body if isinstance(function.body, list) else [function.body]
    return names | {name for statement in body for name, _ in bound(statement)}
