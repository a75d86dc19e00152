"""The rule of set order: the order of what logic answers does not come from a set."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.consumers import Consumers
from workbench.rules.places import at_node
from workbench.rules.purity import explain
from workbench.rules.reach import reach
from workbench.rules.setness import SETS, Setness, is_view
from workbench.scopes import Scope, Unit

ORDERED = {
    "builtins.list": "list()",
    "builtins.tuple": "tuple()",
    "builtins.enumerate": "enumerate()",
    "builtins.zip": "zip()",
    "builtins.next": "next()",
    "builtins.str": "str()",
    "builtins.repr": "repr()",
    "builtins.dict.fromkeys": "dict.fromkeys()",
    "collections.deque": "deque()",
    "itertools.islice": "islice()",
}
NAMES = frozenset(name.rpartition(".")[2] for name in SETS)
TEXTS = ("builtins.str", "builtins.repr")
Found = tuple[ast.AST, str]
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@rule("set-order", whole=True, optional=True)
def set_order(draft: Draft) -> Iterator[Problem]:
    """Logic takes no order from a set: it differs from process to process.

    Texts hash to other values in every process, so a list made of a set has another order in a replay,
    and "the first" is another. Sort it, or keep the elements of a list apart with `dict.fromkeys`.
    A set in the decision itself has no order either.
    What does not depend on order is fine: `sorted`, `len`, `in`, `any`, `min` without a key, other sets, and `sum`
    (of floats only to the last digit).

    Bad:
        def labels(faces: int) -> list[str]:
            found = {"crowd", "group"} if faces > 2 else {"single"}
            return list(found)


        def decide(labels) -> Decision:
            return Decision(outcome="review" if labels[0] == "crowd" else "approve")

    Good:
        def labels(faces: int) -> list[str]:
            found = {"crowd", "group"} if faces > 2 else {"single"}
            return sorted(found)


        def decide(labels) -> Decision:
            return Decision(outcome="review" if labels[0] == "crowd" else "approve")
    """
    if not _may_have_sets(draft):
        return
    reached = draft.once(reach)
    sets = Setness(draft, reached)
    yield from _decided_sets(draft, sets)
    for unit, path in reached.units:
        for node, what in _Sites(sets, unit).found():
            message = explain(path, "takes its order from a set") + f": {what}"
            yield at_node(draft, "set-order", message, "sorted(…) gives the same order everywhere", node)


def _decided_sets(draft: Draft, sets: Setness) -> Iterator[Problem]:
    """A set among the decision's fields: as JSON it is a list in the set's order."""
    classes = [node for _, node in draft.bindings.get("Decision", ()) if isinstance(node, ast.ClassDef)]
    for line in classes[-1].body if classes else ():
        if isinstance(line, ast.AnnAssign) and sets.annotated(line.annotation):
            name = ast.unparse(line.target)
            message = f"{name!r} of Decision is a set: its elements are answered in another order in every process"
            yield at_node(draft, "set-order", message, "make it a list, and give it sorted(…)", line.annotation)


def _may_have_sets(draft: Draft) -> bool:
    """Whether a set is written out, named or made of two dicts' keys; most notebooks are seen no further."""
    kinds = draft.by_kind
    if ast.Set in kinds or ast.SetComp in kinds or "set[" in draft.code or "Set[" in draft.code:
        return True
    if any(node.id in NAMES for node in kinds.get(ast.Name, ())):
        return True
    return any(is_view(node.left) or is_view(node.right) for node in kinds.get(ast.BinOp, ()))


class _Sites:
    """The places of one statement where the order of a set's elements comes to matter."""

    def __init__(self, sets: Setness, unit: Unit) -> None:
        self.sets, self.code, self.unit = sets, sets.code, unit
        self.consumers = Consumers(sets, unit)

    def found(self) -> Iterator[Found]:
        for node, scope in self.unit.nodes:
            if isinstance(node, ast.Call):
                yield from self.call(node, scope)
            elif isinstance(node, (ast.ListComp, ast.DictComp)):
                yield from self.comprehension(node, scope)
            elif isinstance(node, (ast.For, ast.AsyncFor)):
                yield from self.loop(node, scope)
            elif isinstance(node, (ast.List, ast.Tuple)):
                yield from self.display(node, scope)
            elif isinstance(node, ast.Assign):
                yield from self.unpacking(node, scope)
            elif isinstance(node, ast.FormattedValue):
                yield from self.text(node, scope)

    def call(self, node: ast.Call, scope: Scope) -> Iterator[Found]:
        if self.consumers.is_free(node, scope):
            return
        dotted = self.code.dotted_expression(node.func, scope)
        if dotted in ORDERED:
            if self.takes(node, scope, dotted) and not self.consumers.is_only(node, scope):
                yield node, ORDERED[dotted]
        elif dotted in ("builtins.min", "builtins.max"):
            keyed = any(keyword.arg == "key" for keyword in node.keywords)
            if keyed and node.args and self.unordered(node.args[0], scope):
                yield node, f"{dotted[9:]}() with a key, which may tie"
        elif isinstance(node.func, ast.Attribute):
            yield from self.method(node, node.func, scope)
        else:
            yield from self.construction(node, scope)

    def takes(self, node: ast.Call, scope: Scope, dotted: str) -> bool:
        if dotted in TEXTS:
            return bool(node.args) and self.sets.is_set(node.args[0], scope)
        given = node.args if dotted == "builtins.zip" else node.args[:1]
        return any(self.unordered(argument, scope) for argument in given)

    def method(self, node: ast.Call, function: ast.Attribute, scope: Scope) -> Iterator[Found]:
        if function.attr == "pop" and not node.args:
            if self.sets.is_set(function.value, scope) and not self.consumers.is_only(node, scope):
                yield node, "pop()"
        elif function.attr in ("join", "extend") and len(node.args) == 1 and self.unordered(node.args[0], scope):
            extends = function.attr == "extend"
            if not (extends and self.consumers.settles(function.value, scope)):
                yield node, f"{function.attr}()"

    def construction(self, node: ast.Call, scope: Scope) -> Iterator[Found]:
        """A model's list that is given a set: pydantic makes a list of it, in the set's order."""
        if not isinstance(node.func, ast.Name):
            return
        for keyword in node.keywords:
            kind = self.sets.field(node.func, keyword.arg) if keyword.arg else None
            kind = kind.value if isinstance(kind, ast.Subscript) else kind
            is_list = isinstance(kind, ast.Name) and kind.id in ("list", "tuple", "List", "Sequence")
            if is_list and self.sets.is_set(keyword.value, scope):
                yield keyword.value, f"the list {keyword.arg!r} is given a set"

    def comprehension(self, node: ast.ListComp | ast.DictComp, scope: Scope) -> Iterator[Found]:
        if not self.consumers.is_free(node, scope) and self.draws(node, scope):
            yield node, f"a {'dict' if isinstance(node, ast.DictComp) else 'list'} made of its elements"

    def draws(self, node: Comprehension, scope: Scope) -> bool:
        return any(self.unordered(part.iter, scope) for part in node.generators)

    def loop(self, node: ast.For | ast.AsyncFor, scope: Scope) -> Iterator[Found]:
        if self.unordered(node.iter, scope) and (what := self.consumers.order_matters(node, scope)):
            yield node.iter, f"a loop over it {what}"

    def display(self, node: ast.List | ast.Tuple, scope: Scope) -> Iterator[Found]:
        if self.consumers.is_free(node, scope):
            return
        for item in node.elts:
            if isinstance(item, ast.Starred) and isinstance(item.ctx, ast.Load) and self.unordered(item.value, scope):
                yield item, "* unpacks it"

    def text(self, node: ast.FormattedValue, scope: Scope) -> Iterator[Found]:
        if not self.consumers.is_free(node, scope) and self.sets.is_set(node.value, scope):
            yield node.value, "it is written into a text"

    def unpacking(self, node: ast.Assign, scope: Scope) -> Iterator[Found]:
        several = any(isinstance(target, (ast.Tuple, ast.List)) and len(target.elts) > 1 for target in node.targets)
        if several and self.unordered(node.value, scope):
            yield node, "it is unpacked"

    def unordered(self, node: ast.expr, scope: Scope) -> bool:
        """A set, or what draws one element after another from one."""
        if self.sets.is_set(node, scope):
            return True
        if isinstance(node, ast.GeneratorExp):
            return self.draws(node, scope)
        if not isinstance(node, ast.Call):
            return False
        dotted = self.code.dotted_expression(node.func, scope)
        if dotted in ("builtins.map", "builtins.filter"):
            return any(self.unordered(argument, scope) for argument in node.args[1:])
        lazy = dotted in ("builtins.iter", "itertools.chain")
        return lazy and any(self.unordered(argument, scope) for argument in node.args)
