"""Walking exported code once: who binds which name in which scope, and where a rule may look.

What is found is listed by top-level statement: names and dotted names with the call they head, and
the other nodes, each with the scope that it stands in.
"""

from __future__ import annotations

import ast
from typing import Any

from workbench.bindings import Function, children
from workbench.draft import Draft
from workbench.scopes import Code, How, Mention, Scope, Unit, chain


def code(draft: Draft) -> Code:
    """Walk a draft's exported code. Ask for it by ``draft.once(code)``."""
    module = Scope("module")
    walker = _Walker(module)
    units = {statement: walker.walk(statement) for statement in draft.tree.body}
    return Code(module, units)


class _Walker:
    """Visits nodes from a stack, so that deep nesting is no matter: (node, its scope, in an annotation)."""

    def __init__(self, module: Scope) -> None:
        self.module = module
        self.stack: list[tuple[ast.AST, Scope, bool, ast.Call | None]] = []
        self.unit: Unit

    def walk(self, statement: ast.stmt) -> Unit:
        self.unit = Unit(statement)
        self.push(self.module, statement)
        while self.stack:
            node, scope, in_annotation, call = self.stack.pop()
            visit = VISIT.get(node.__class__)
            if visit is not None:
                visit(self, node, scope)
            elif isinstance(node, (ast.Name, ast.Attribute)):
                self.mention(node, scope, in_annotation, call)
            else:
                self.unit.nodes.append((node, scope))
                self.children(node, scope, in_annotation)
        return self.unit

    def push(self, scope: Scope, *nodes: ast.AST | None, in_annotation: bool = False) -> None:
        self.stack += [(node, scope, in_annotation, None) for node in reversed(nodes) if node is not None]

    def children(self, node: ast.AST, scope: Scope, in_annotation: bool = False) -> None:
        self.push(scope, *children(node), in_annotation=in_annotation)

    def mention(self, node: ast.expr, scope: Scope, in_annotation: bool, call: ast.Call | None) -> None:
        root, parts = chain(node)
        if isinstance(root, ast.Name) and isinstance(root.ctx, ast.Store):
            if root is node:  # `root.parts = …` binds nothing
                scope.bind(root.id, "other")
            return
        if not isinstance(getattr(node, "ctx", None), ast.Load):
            self.unit.nodes.append((node, scope))
        self.unit.mentions.append(Mention(node, root, parts, scope, call, in_annotation))
        if not isinstance(root, ast.Name):
            self.push(scope, root)

    def call(self, node: ast.Call, scope: Scope) -> None:
        self.unit.nodes.append((node, scope))
        self.push(scope, *node.args, *(keyword.value for keyword in node.keywords))
        self.stack.append((node.func, scope, False, node))

    def function(self, node: Function | ast.Lambda, scope: Scope) -> None:
        inner = Scope("function", scope, node)
        if not isinstance(node, ast.Lambda):
            scope.bind(node.name, "define", node)
            self.unit.nodes.append((node, scope))
            self.push(scope, *node.decorator_list)
            self.push(scope, node.returns, in_annotation=True)
        self.arguments(node.args, scope, inner)
        self.push(inner, *(node.body if isinstance(node.body, list) else [node.body]))

    def arguments(self, arguments: ast.arguments, scope: Scope, inner: Scope) -> None:
        plain = [*arguments.posonlyargs, *arguments.args]
        defaults = [*([None] * (len(plain) - len(arguments.defaults))), *arguments.defaults, *arguments.kw_defaults]
        for argument, default in zip([*plain, *arguments.kwonlyargs], defaults, strict=True):
            inner.bind(argument.arg, "annotated" if argument.annotation else "other", argument.annotation)
            if default is not None:
                inner.bind(argument.arg, "default", default)
            self.push(scope, default)
            self.push(scope, argument.annotation, in_annotation=True)
        for extra in (arguments.vararg, arguments.kwarg):
            if extra is not None:
                inner.bind(extra.arg, "other")

    def define_class(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.bind(node.name, "define", node)
        self.push(scope, *node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords))
        self.push(Scope("class", scope, node), *node.body)

    def comprehension(self, node: Any, scope: Scope) -> None:
        self.unit.nodes.append((node, scope))
        inner = Scope("comprehension", scope, node)
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self.push(inner, *results)
        for index, part in reversed(list(enumerate(node.generators))):
            self.push(inner, *part.ifs)
            self.target(part.target, inner, "each", part.iter)
            self.push(inner if index else scope, part.iter)

    def target(self, target: ast.expr, scope: Scope, how: How, value: Any) -> None:
        if isinstance(target, ast.Name):
            scope.bind(target.id, how, value)
        else:
            self.push(scope, target)

    def assign(self, node: ast.Assign, scope: Scope) -> None:
        self.unit.nodes.append((node, scope))
        for target in node.targets:
            self.target(target, scope, "is", node.value)
        self.push(scope, node.value)

    def annotated(self, node: ast.AnnAssign, scope: Scope) -> None:
        self.unit.nodes.append((node, scope))
        self.target(node.target, scope, "annotated", node.annotation)
        self.push(scope, node.annotation, in_annotation=True)
        self.push(scope, node.value)

    def augmented(self, node: ast.AugAssign, scope: Scope) -> None:
        self.unit.nodes.append((node, scope))
        if isinstance(node.target, ast.Name):
            scope.names.setdefault(node.target.id, [])
        self.push(scope, node.value, *([] if isinstance(node.target, ast.Name) else [node.target]))

    def walrus(self, node: ast.NamedExpr, scope: Scope) -> None:
        scope.function().bind(node.target.id, "is", node.value)
        self.push(scope, node.value)

    def loop(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        self.unit.nodes.append((node, scope))
        self.target(node.target, scope, "each", node.iter)
        self.push(scope, node.iter, *node.body, *node.orelse)

    def imports(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            name = alias.asname or alias.name.split(".")[0]
            scope.bind(name, "import", alias.name if alias.asname else name)

    def import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        for alias in node.names:
            scope.bind(alias.asname or alias.name, "import", f"{node.module or ''}.{alias.name}")

    def declared(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        scope.outer.update(node.names)
        self.unit.nodes.append((node, scope))

    def named(self, node: Any, scope: Scope) -> None:
        name = node.rest if isinstance(node, ast.MatchMapping) else node.name
        if name:
            scope.bind(name, "other")
        self.children(node, scope)


VISIT: dict[type[ast.AST], Any] = {
    ast.Call: _Walker.call,
    ast.FunctionDef: _Walker.function,
    ast.AsyncFunctionDef: _Walker.function,
    ast.Lambda: _Walker.function,
    ast.ClassDef: _Walker.define_class,
    **dict.fromkeys((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), _Walker.comprehension),
    ast.Assign: _Walker.assign,
    ast.AnnAssign: _Walker.annotated,
    ast.AugAssign: _Walker.augmented,
    ast.NamedExpr: _Walker.walrus,
    ast.For: _Walker.loop,
    ast.AsyncFor: _Walker.loop,
    ast.Import: _Walker.imports,
    ast.ImportFrom: _Walker.import_from,
    ast.Global: _Walker.declared,
    ast.Nonlocal: _Walker.declared,
    **dict.fromkeys((ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping), _Walker.named),
}
