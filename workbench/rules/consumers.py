"""Who looks at elements one after another, and whether their order can be seen in what comes out."""

from __future__ import annotations

import ast

from workbench.bindings import walk
from workbench.rules.places import words
from workbench.rules.setness import Setness
from workbench.scopes import Scope, Unit

FREE = frozenset(f"builtins.{name}" for name in words("sorted len any all set frozenset sum min max bool"))
PASSING = frozenset(f"builtins.{name}" for name in words("list tuple map filter iter"))
SET_METHODS = words(
    """
    update union intersection difference symmetric_difference issubset issuperset isdisjoint add
    difference_update intersection_update symmetric_difference_update
    """
)
ADDING = {"append": "appends", "appendleft": "appends", "insert": "inserts", "extend": "appends", "write": "writes"}
LOOKING_UP = frozenset(("get", "sort", *ADDING))


class Consumers:
    """Answers for one top-level statement: which of its expressions are used without regard to order."""

    def __init__(self, sets: Setness, unit: Unit) -> None:
        self.sets, self.code, self.unit = sets, sets.code, unit
        self.free: set[ast.AST] = set()
        self.targets: dict[ast.AST, ast.Name] = {}  # value -> the one name that it is assigned to
        self.counted: set[str] = set()  # names whose length is compared
        for node, scope in unit.nodes:
            self.note(node, scope)

    def note(self, node: ast.AST, scope: Scope) -> None:
        if isinstance(node, ast.Call):
            self.note_call(node, scope)
        elif isinstance(node, ast.Compare):
            self.note_comparison(node)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            self.note_assignment(node)
        else:
            self.free.update(self.passed_on(node))

    def note_assignment(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
        if node.value is not None and len(targets) == 1 and isinstance(targets[0], ast.Name):
            self.targets[node.value] = targets[0]

    def passed_on(self, node: ast.AST) -> list[ast.AST]:
        """The parts of an expression whose order cannot be seen because its own cannot."""
        if isinstance(node, ast.Subscript) and isinstance(node.value, (ast.Name, ast.DictComp)):
            return [node.value]
        if isinstance(node, ast.Raise):
            return list(walk(node))  # the words of an error are no answer
        if isinstance(node, ast.BinOp) and node in self.free:
            return [node.left, node.right]
        is_drawn = isinstance(node, (ast.GeneratorExp, ast.ListComp)) and node in self.free
        if isinstance(node, ast.SetComp) or is_drawn:
            return [part.iter for part in getattr(node, "generators", ())]
        return []

    def note_call(self, node: ast.Call, scope: Scope) -> None:
        dotted = self.code.dotted_expression(node.func, scope)
        keyed = dotted in ("builtins.min", "builtins.max") and bool(node.keywords)
        if dotted in FREE and not keyed:
            self.free.update(node.args)
        elif dotted in PASSING and node in self.free:
            self.free.update(node.args)  # sorted(list(map(…))): calls are seen before what they are given
        elif self.is_set_method(node.func, scope):
            self.free.update(node.args)
        if isinstance(node.func, ast.Attribute) and node.func.attr in LOOKING_UP:
            self.free.add(node.func.value)

    def is_set_method(self, node: ast.expr, scope: Scope) -> bool:
        return isinstance(node, ast.Attribute) and node.attr in SET_METHODS and self.sets.is_set(node.value, scope)

    def note_comparison(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        if all(isinstance(operator, (ast.In, ast.NotIn)) for operator in node.ops):
            self.free.update(node.comparators)
        one = any(isinstance(side, ast.Constant) and side.value == 1 for side in sides)
        for side in sides if one else ():
            if isinstance(side, ast.Call) and ast.unparse(side.func) == "len" and side.args:
                self.counted.add(ast.unparse(side.args[0]))

    def is_free(self, node: ast.AST, scope: Scope) -> bool:
        """Whether nobody can see an expression's order: it is given to ``sorted`` and the like, or its name is."""
        return node in self.free or (node in self.targets and self.settles(self.targets[node], scope))

    def is_only(self, node: ast.Call, scope: Scope) -> bool:
        """``next(iter(x))`` and ``x.pop()`` where ``len(x) == 1`` stands nearby: the only one is no first one."""
        inner: ast.expr = node.func.value if isinstance(node.func, ast.Attribute) else node
        while isinstance(inner, ast.Call) and inner.args:
            inner = inner.args[0]
        return ast.unparse(inner) in self.counted

    def settles(self, node: ast.AST, scope: Scope) -> bool:
        """Whether a local name is sorted, or only ever given to what does not look at order."""
        holder = scope.find(node.id) if isinstance(node, ast.Name) else None
        if holder is None or holder.kind != "function" or not isinstance(node, ast.Name):
            return False
        uses = [
            mention
            for mention in self.unit.mentions
            if isinstance(mention.root, ast.Name)
            and mention.root.id == node.id
            and mention.scope.find(node.id) is holder
        ]
        if any(mention.parts == ("sort",) for mention in uses):
            return True
        return all(mention.node in self.free or mention.root in self.free for mention in uses)

    def order_matters(self, loop: ast.For | ast.AsyncFor, scope: Scope) -> str:
        """What in a loop's body makes the order of its turns be seen; empty for nothing."""
        for statement in loop.body:
            for node in walk(statement):
                if what := self.sees_order(node, scope):
                    return what
        return ""

    def sees_order(self, node: ast.AST, scope: Scope) -> str:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
            return "" if self.settles(node.func.value, scope) else ADDING[node.func.attr]
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return "yields"
        if isinstance(node, ast.Return):
            return "" if node.value is None or isinstance(node.value, ast.Constant) else "returns the first that fits"
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            return "" if self.settles(node.targets[0].value, scope) else "fills a dict"
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            return "adds to a text or list" if _is_text_or_list(node.value) else ""
        return ""


def _is_text_or_list(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_text_or_list(node.left) or _is_text_or_list(node.right)
    return isinstance(node, (ast.List, ast.JoinedStr)) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
