"""What a text is, where the code says so: literals, constants of the module, and what joins them."""

from __future__ import annotations

import ast
import itertools
import re
from typing import Any

from workbench.scopes import Code, Scope

DEEP = 12
MANY = 64  # texts that one expression may stand for


def texts(code: Code, node: ast.expr, scope: Scope, depth: int = 0) -> list[str]:
    """Every text that an expression stands for, as a loop's variable stands for many; none when not known."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    ask = _ASK.get(node.__class__)
    if ask is None or depth > DEEP:
        return []
    found: list[str] = ask(code, node, scope, depth + 1)
    return found[:MANY]


def _sum(code: Code, node: ast.BinOp, scope: Scope, depth: int) -> list[str]:
    if not isinstance(node.op, ast.Add):
        return []
    return _joined("", [texts(code, side, scope, depth) for side in (node.left, node.right)])


def _formatted(code: Code, node: ast.JoinedStr, scope: Scope, depth: int) -> list[str]:
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            plain = part.conversion == -1 and part.format_spec is None
            parts.append(texts(code, part.value, scope, depth) if plain else [])
        else:
            parts.append(texts(code, part, scope, depth))
    return _joined("", parts)


def _choice(code: Code, node: ast.IfExp, scope: Scope, depth: int) -> list[str]:
    return [*texts(code, node.body, scope, depth), *texts(code, node.orelse, scope, depth)]


def _call(code: Code, node: ast.Call, scope: Scope, depth: int) -> list[str]:
    """``"|".join([…])`` and ``re.escape(…)``."""
    if len(node.args) != 1 or node.keywords:
        return []
    if code.dotted_expression(node.func, scope) == "re.escape":
        return [re.escape(text) for text in texts(code, node.args[0], scope, depth)]
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "join":
        return []
    between = texts(code, node.func.value, scope, depth)
    items, around = _items(code, node.args[0], scope, depth)
    return _joined(between[0], [texts(code, item, around, depth) for item in items]) if len(between) == 1 else []


def _joined(between: str, parts: list[list[str]]) -> list[str]:
    return [between.join(chosen) for chosen in itertools.islice(itertools.product(*parts), MANY)] if parts else []


def _name(code: Code, node: ast.Name, scope: Scope, depth: int) -> list[str]:
    holder = scope.find(node.id)
    values = holder.names[node.id] if holder else []
    if holder is None or len(values) != 1:
        return []
    how, value = values[0]
    if how == "is":
        return texts(code, value, holder, depth)
    if how == "other":
        value = _pairs(node.id, holder)
    elif how != "each":
        return []
    items, around = _items(code, value, holder, depth) if value is not None else ([], holder)
    return [text for item in items for text in texts(code, item, around, depth)]


def _pairs(name: str, holder: Scope) -> ast.expr | None:
    """``x.values()`` for the second name of a comprehension ``… for key, name in x.items()``."""
    for part in getattr(holder.node, "generators", ()):
        target, source = part.target, part.iter
        second = isinstance(target, ast.Tuple) and len(target.elts) == 2 and target.elts[1]
        is_items = isinstance(source, ast.Call) and isinstance(source.func, ast.Attribute)
        if isinstance(second, ast.Name) and second.id == name and is_items and source.func.attr == "items":
            return ast.Call(ast.Attribute(source.func.value, "values", ast.Load()), [], [])
    return None


def _items(code: Code, node: Any, scope: Scope, depth: int) -> tuple[list[Any], Scope]:
    """The elements of a list, tuple or set, or of a dict's values, with the scope that they stand in."""
    if depth > DEEP:
        return [], scope
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        return list(node.elts), scope
    if isinstance(node, ast.Name) and (holder := scope.find(node.id)):
        values = holder.names[node.id]
        if len(values) == 1 and values[0][0] == "is":
            return _items(code, values[0][1], holder, depth + 1)
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    if is_method and node.func.attr == "values":
        items, around = _items(code, node.func.value, scope, depth + 1)
        return items, around
    return (list(node.values), scope) if isinstance(node, ast.Dict) else ([], scope)


_ASK: dict[type[ast.AST], Any] = {
    ast.BinOp: _sum,
    ast.JoinedStr: _formatted,
    ast.IfExp: _choice,
    ast.Call: _call,
    ast.Name: _name,
}
