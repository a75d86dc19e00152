"""More rules of purity: logic keeps nothing between two decisions, and does not look at a photo's bytes."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from workbench.bindings import walk
from workbench.draft import Draft
from workbench.problems import Problem
from workbench.rules.catalogue import rule
from workbench.rules.places import at_node, words
from workbench.rules.purity import explain
from workbench.rules.reach import Reach, argument_type, reach, unquoted
from workbench.scopes import Code, Mention, Scope, Unit, chain

CHANGERS = words(
    """
    append appendleft extend extendleft insert remove clear add discard update pop popleft popitem setdefault sort
    reverse rotate difference_update intersection_update symmetric_difference_update subtract move_to_end
    """
)
MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
CONTAINERS = words(
    """
    builtins.list builtins.dict builtins.set builtins.bytearray collections.deque collections.Counter
    collections.defaultdict collections.OrderedDict
    """
)
ITERATORS = frozenset(("builtins.iter", "builtins.enumerate", "builtins.zip", "builtins.map", "builtins.filter"))
STORES = (ast.Subscript, ast.Attribute)


@rule("global-state", whole=True, optional=True)
def global_state(draft: Draft) -> Iterator[Problem]:
    """Logic changes nothing that outlives the decision: no `global`, no list, dict or set of the module.

    Lambda keeps a module for many requests, and a replay runs them in another order: what one decision
    leaves behind would change the next. `functools.cache` is fine: it answers the same.

    Bad:
        SEEN = []


        def crowded(faces: int) -> bool:
            SEEN.append(faces)
            return faces > faces_max or len(SEEN) > 1000

    Good:
        def crowded(faces: int) -> bool:
            seen = []
            seen.append(faces)
            return max(seen) > faces_max
    """
    if not _may_change(draft):
        return
    reached = draft.once(reach)
    for unit, path in reached.units:
        for node, name in _changes(reached.code, unit):
            message = explain(path, f"changes {name!r}") + ", which outlives the decision"
            hint = "build a new value and return it; what must be kept belongs in a task's result"
            yield at_node(draft, "global-state", message, hint, node)


def _may_change(draft: Draft) -> bool:
    kinds = draft.by_kind
    return (
        ast.Global in kinds
        or any(node.attr in CHANGERS or not _is_read(node) for node in kinds.get(ast.Attribute, ()))
        or any(not _is_read(node) for node in kinds.get(ast.Subscript, ()))
        or any(node.id == "next" for node in kinds.get(ast.Name, ()))
    )


def _is_read(node: Any) -> bool:
    return isinstance(node.ctx, ast.Load)


def _changes(code: Code, unit: Unit) -> Iterator[tuple[ast.AST, str]]:
    """(where, the name) of everything in a statement that changes what outlives a call."""
    for mention in unit.mentions:
        if mention.scope.runs_later() and (name := _changed_by_call(code, mention)):
            yield mention.node, name
    for node, scope in unit.nodes:
        if not scope.runs_later():
            continue
        if isinstance(node, ast.Global):
            yield node, ", ".join(node.names)
        elif isinstance(node, STORES) and not _is_read(node) and (name := _kept(code, _base(node), scope)):
            yield node, name


def _changed_by_call(code: Code, mention: Mention) -> str:
    if mention.call is None:
        return ""
    if mention.parts and mention.parts[-1] in CHANGERS:
        name = _base(mention.root)
        return _kept_container(code, name, mention.scope) if isinstance(name, ast.Name) else ""
    if code.dotted(mention.root, mention.parts, mention.scope) == "builtins.next" and mention.call.args:
        return _kept_iterator(code, mention.call.args[0], mention.scope)
    return ""


def _base(node: ast.AST) -> ast.AST:
    """What is changed in the end: ``x`` of ``x[1].y[2]``."""
    while isinstance(node, STORES):
        node = node.value
    return node


def _kept(code: Code, node: ast.AST, scope: Scope) -> str:
    """The name, where an item or attribute of it outlives a call: it is the module's, or a default's."""
    if not isinstance(node, ast.Name):
        return ""
    is_import = any(how == "import" for how, _ in _values(scope, node.id))
    return node.id if code.is_global(node.id, scope) or is_import else _kept_container(code, node, scope)


def _kept_container(code: Code, node: ast.Name, scope: Scope) -> str:
    """The name, where it is surely a list, dict or the like, and the module's or a default's."""
    values = _values(scope, node.id)
    if code.is_global(node.id, scope):
        hows: tuple[str, ...] = ("is",)
    elif any(how == "is" for how, _ in values):
        return ""  # a default that is replaced by a value of its own, or a copy
    else:
        hows = ("default",)
    return node.id if any(how in hows and _is_mutable(code, value, scope) for how, value in values) else ""


def _values(scope: Scope, name: str) -> list[tuple[Any, Any]]:
    holder = scope.find(name)
    return holder.names[name] if holder else []


def _is_mutable(code: Code, value: ast.expr, scope: Scope) -> bool:
    if isinstance(value, ast.Call):
        return code.dotted_expression(value.func, code.module) in CONTAINERS
    return isinstance(value, MUTABLE)


def _kept_iterator(code: Code, node: ast.expr, scope: Scope) -> str:
    if not isinstance(node, ast.Name) or not code.is_global(node.id, scope):
        return ""
    for _, value in _values(scope, node.id):
        if isinstance(value, ast.GeneratorExp):
            return node.id
        if isinstance(value, ast.Call):
            made = code.dotted_expression(value.func, code.module)
            return node.id if made in ITERATORS or made.startswith("itertools.") else ""
    return ""


@rule("photo-bytes", whole=True, optional=True)
def photo_bytes(draft: Draft) -> Iterator[Problem]:
    """Only tasks read a photo's bytes: `photo.read()` and `photo.image()` raise in plain steps.

    A photo is recorded by its digest and size, so a replay has no bytes. What a task finds in them is
    recorded, and logic goes on with that. A photo's `width`, `height`, `format`, `size` and `digest` are at hand.

    Bad:
        def crowded(faces: int, photo: Photo) -> bool:
            return faces > faces_max and len(photo.read()) > 10_000

    Good:
        def crowded(faces: int, photo: Photo) -> bool:
            return faces > faces_max and photo.size > 10_000
    """
    calls = draft.by_kind.get(ast.Call, ())
    if not any(isinstance(call.func, ast.Attribute) and call.func.attr in ("read", "image") for call in calls):
        return
    reached = draft.once(reach)
    for unit, path in reached.units:
        for mention in unit.mentions:
            if _reads_photo(draft, reached, mention):
                message = explain(path, "reads a photo's bytes") + f": {ast.unparse(mention.node)}()"
                hint = "make it a @task: a replay has the task's result, but no bytes"
                yield at_node(draft, "photo-bytes", message, hint, mention.node)


def _reads_photo(draft: Draft, reached: Reach, mention: Mention) -> bool:
    called = mention.call and mention.parts[-1:] in (("read",), ("image",))
    return bool(called) and _is_photo(draft, reached, mention.root, mention.parts[:-1], mention.scope)


def _is_photo(
    draft: Draft, reached: Reach, root: ast.AST, parts: tuple[str, ...], scope: Scope, depth: int = 0
) -> bool:
    """Whether ``root.parts`` is a photo: annotated as one, or a field of the request that is."""
    if isinstance(root, ast.Subscript):
        return _is_photo(draft, reached, *chain(root.value), scope, depth)
    if not isinstance(root, ast.Name) or depth > 8:
        return False
    holder = scope.find(root.id)
    if holder is None:
        return False
    for how, value in holder.names[root.id]:
        if how in ("is", "each"):
            inner, more = chain(value)
            if _is_photo(draft, reached, inner, (*more, *parts), holder, depth + 1):
                return True
        elif _names_photo(reached, _type_of(draft, reached, root.id, how, value), parts):
            return True
    return False


def _type_of(draft: Draft, reached: Reach, name: str, how: str, value: Any) -> ast.expr | None:
    if how == "annotated":
        return unquoted(value)
    return argument_type(draft, reached.fields, ast.arg(name)) if how == "other" else None


def _names_photo(reached: Reach, annotation: ast.expr | None, parts: tuple[str, ...]) -> bool:
    if annotation is None:
        return False
    if parts:
        whole = isinstance(annotation, ast.Name) and annotation.id == "Request"
        return whole and len(parts) == 1 and _names_photo(reached, reached.fields.get(parts[0]), ())
    named = (node for node in walk(annotation) if isinstance(node, (ast.Name, ast.Attribute)))
    return any(
        reached.code.dotted_expression(node, reached.code.module).startswith("chalicelib.usecase.Photo")
        for node in named
    )
