"""Whether an expression is a set, as far as the code around it says so: literals, calls, operators, annotations."""

from __future__ import annotations

import ast
from typing import Any

from workbench.bindings import Function
from workbench.draft import Draft
from workbench.rules.places import words
from workbench.rules.reach import Reach, argument_type, unquoted
from workbench.scopes import Scope, chain

SETS = words(
    """
    builtins.set builtins.frozenset typing.Set typing.FrozenSet typing.AbstractSet typing.MutableSet
    collections.abc.Set collections.abc.MutableSet
    """
)
WRAPPERS = words("typing.Optional typing.Annotated typing.Final typing.ClassVar")
METHODS = frozenset(("union", "intersection", "difference", "symmetric_difference", "copy"))
OPERATORS = (ast.BitOr, ast.BitAnd, ast.BitXor, ast.Sub)
DEEP = 12
Position = tuple[int, int]


class Setness:
    """Answers for one draft. Unsure is no: only what is surely a set is called one."""

    def __init__(self, draft: Draft, reached: Reach) -> None:
        self.draft, self.code, self.reached = draft, reached.code, reached

    def is_set(self, node: ast.expr, scope: Scope, depth: int = 0) -> bool:
        if depth > DEEP:
            return False
        if isinstance(node, (ast.Set, ast.SetComp)):
            return True
        ask = _ASK.get(node.__class__)
        return bool(ask and ask(self, node, scope, depth + 1))

    def call(self, node: ast.Call, scope: Scope, depth: int) -> bool:
        if self.code.dotted_expression(node.func, scope) in ("builtins.set", "builtins.frozenset"):
            return True
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in METHODS and self.is_set(node.func.value, scope, depth)
        return any(isinstance(made, Function) and self.annotated(made.returns) for made in self.defined(node, scope))

    def defined(self, node: ast.Call, scope: Scope) -> list[ast.AST]:
        """The functions and classes that a call may be of."""
        holder = scope.find(node.func.id) if isinstance(node.func, ast.Name) else None
        if holder is None or not isinstance(node.func, ast.Name):
            return []
        return [value for how, value in holder.names[node.func.id] if how == "define"]

    def operator(self, node: ast.BinOp, scope: Scope, depth: int) -> bool:
        sides = (node.left, node.right)
        return isinstance(node.op, OPERATORS) and any(
            is_view(side) or self.is_set(side, scope, depth) for side in sides
        )

    def choice(self, node: ast.IfExp, scope: Scope, depth: int) -> bool:
        return any(self.is_set(value, scope, depth) for value in (node.body, node.orelse))

    def either(self, node: ast.BoolOp, scope: Scope, depth: int) -> bool:
        return any(self.is_set(value, scope, depth) for value in node.values)

    def walrus(self, node: ast.NamedExpr, scope: Scope, depth: int) -> bool:
        return self.is_set(node.value, scope, depth)

    def name(self, node: ast.Name, scope: Scope, depth: int) -> bool:
        """By the last value it was given above, or for names from around a function by all of its values."""
        holder = scope.find(node.id)
        if holder is None:
            return False
        values = [(how, value) for how, value in holder.names[node.id] if how != "default" or value is not None]
        if holder is scope.function() or holder is scope:
            values = _last_above(values, node)
        return bool(values) and all(self.value(node.id, how, value, holder, depth) for how, value in values)

    def value(self, name: str, how: str, value: Any, holder: Scope, depth: int) -> bool:
        if how in ("is", "default"):
            return self.is_set(value, holder, depth)
        if how == "annotated":
            return self.annotated(value)
        is_step = isinstance(holder.node, Function) and self.reached.steps.get(holder.node.name) is holder.node
        return how == "other" and is_step and self.annotated(self.argument(name))

    def argument(self, name: str) -> ast.expr | None:
        return argument_type(self.draft, self.reached.fields, ast.arg(name))

    def attribute(self, node: ast.Attribute, scope: Scope, depth: int) -> bool:
        """A field of a model that is exported, as ``request.tags``."""
        root, parts = chain(node)
        holder = scope.find(root.id) if isinstance(root, ast.Name) else None
        if holder is None or not isinstance(root, ast.Name) or len(parts) != 1:
            return False
        for how, value in holder.names[root.id]:
            kind = unquoted(value) if how == "annotated" else self.argument(root.id) if how == "other" else None
            if kind is not None and self.annotated(self.field(kind, parts[0])):
                return True
        return False

    def field(self, kind: ast.expr, name: str) -> ast.expr | None:
        """The annotation of a field of an exported class."""
        if not isinstance(kind, ast.Name):
            return None
        for _, statement in self.draft.bindings.get(kind.id, ()):
            for line in statement.body if isinstance(statement, ast.ClassDef) else ():
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.target.id == name:
                    return line.annotation
        return None

    def annotated(self, annotation: ast.expr | None) -> bool:
        """Whether an annotation says set, also ``set[str] | None``."""
        annotation = unquoted(annotation)
        if isinstance(annotation, ast.BinOp):
            sides = [side for side in (annotation.left, annotation.right) if not _is_none(side)]
            return all(map(self.annotated, sides))  # a text or a set may be told apart below
        if isinstance(annotation, ast.Subscript):
            outer = self.code.dotted_expression(annotation.value, self.code.module)
            inner = annotation.slice.elts[0] if isinstance(annotation.slice, ast.Tuple) else annotation.slice
            return outer in SETS or (outer in WRAPPERS and self.annotated(inner))
        return annotation is not None and self.code.dotted_expression(annotation, self.code.module) in SETS


_ASK: dict[type[ast.AST], Any] = {
    ast.Call: Setness.call,
    ast.BinOp: Setness.operator,
    ast.IfExp: Setness.choice,
    ast.BoolOp: Setness.either,
    ast.NamedExpr: Setness.walrus,
    ast.Name: Setness.name,
    ast.Attribute: Setness.attribute,
}


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def is_view(node: ast.expr) -> bool:
    """``x.keys()`` or ``x.items()``: what operators make of them is a set."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("keys", "items")


def _last_above(values: list[tuple[Any, Any]], use: ast.Name) -> list[tuple[Any, Any]]:
    """The last of the values that stand above a use; one that holds the use itself comes later."""
    here = (use.lineno, use.col_offset)
    above = [(how, value) for how, value in values if _end(value) <= here]
    return [max(above, key=lambda entry: _end(entry[1]))] if above else []


def _end(value: Any) -> Position:
    if isinstance(value, ast.AST) and hasattr(value, "end_lineno"):
        return getattr(value, "end_lineno", 0), getattr(value, "end_col_offset", 0)
    return 0, 0
