"""Scopes: what a name stands for where it is used, for the rules that follow names.

Names of functions and lambdas hide those around them, a class's names are not seen in its methods,
and imports are known by what they import, not by spelling. ``scoping`` makes these values.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

# How a name came by its value: it is an expression's; it is annotated; it is an element of an iterable;
# it is imported (node: dotted name); it is a function or class; or in some other way.
How = Literal["is", "annotated", "default", "each", "import", "define", "other"]
DEEP = 8  # names that stand for names that stand for names …


@dataclass(slots=True)
class Scope:
    """The names that a module, class, function, lambda or comprehension binds, and how."""

    kind: Literal["module", "class", "function", "comprehension"]
    parent: Scope | None = None
    node: ast.AST | None = None
    names: dict[str, list[tuple[How, Any]]] = field(default_factory=dict)
    outer: set[str] = field(default_factory=set)  # declared global or nonlocal

    def bind(self, name: str, how: How, value: Any = None) -> None:
        self.names.setdefault(name, []).append((how, value))

    def find(self, name: str) -> Scope | None:
        """The scope whose name this is; None: a builtin's."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names and name not in scope.outer and (scope.kind != "class" or scope is self):
                return scope
            scope = scope.parent
        return None

    def function(self) -> Scope:
        """The scope that ``:=`` binds in: the nearest that is no comprehension's."""
        scope = self
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope

    def runs_later(self) -> bool:
        """Whether code here runs when something is called, not when the module is loaded."""
        scope: Scope | None = self
        while scope is not None:
            if scope.kind == "function":
                return True
            scope = scope.parent
        return False


@dataclass(frozen=True, slots=True)
class Mention:
    """A name with the attributes taken of it, ``root.parts``; ``call`` is the call that it heads, if any."""

    node: ast.expr
    root: ast.expr
    parts: tuple[str, ...]
    scope: Scope
    call: ast.Call | None = None
    in_annotation: bool = False


@dataclass(slots=True)
class Unit:
    """A top-level statement: the names mentioned in it, and its other nodes with their scopes."""

    statement: ast.stmt
    mentions: list[Mention] = field(default_factory=list)
    nodes: list[tuple[ast.AST, Scope]] = field(default_factory=list)


@dataclass(slots=True)
class Code:
    """All exported code, walked."""

    module: Scope
    units: dict[ast.stmt, Unit]

    def dotted(self, root: ast.expr, parts: Iterable[str], scope: Scope, depth: int = 0) -> str:
        """What ``root.parts`` is in full, as ``datetime.datetime.now``; empty: nothing imported or built in."""
        if not isinstance(root, ast.Name) or depth > DEEP:
            return ""
        holder = scope.find(root.id)
        if holder is None:
            return ".".join(("builtins", root.id, *parts))
        for how, value in holder.names[root.id]:
            if how == "import":
                return ".".join((value, *parts))
        values = holder.names[root.id]
        if len(values) != 1 or values[0][0] != "is":
            return ""
        inner, more = chain(values[0][1])
        return self.dotted(inner, (*more, *parts), holder, depth + 1)

    def dotted_expression(self, node: ast.expr, scope: Scope) -> str:
        root, parts = chain(node)
        return self.dotted(root, parts, scope)

    def is_global(self, name: str, scope: Scope) -> bool:
        return scope.find(name) is self.module


def chain(node: ast.expr) -> tuple[ast.expr, tuple[str, ...]]:
    """``a.b.c`` as (``a``, ("b", "c"))."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return node, tuple(reversed(parts))
