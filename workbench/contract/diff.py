"""What changed between two JSON schemas, as it matters to callers.

A request that lets through less breaks callers; so does a response that lets through more, since a client
that switches on a value meets one it never heard of. Fields are judged by what clients do with them: a
new field of a response is none of their business, one that is gone is.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from workbench.contract.flatten import Form, flatten, resolve
from workbench.contract.limits import limits
from workbench.contract.words import KINDS, Effect, Severity, Side, listed, sentence, severity_of, shown

UNKNOWN = ("not", "if", "then", "else", "dependentRequired", "dependentSchemas", "patternProperties", "contains")
PLACES = 4  # in which a model's changes are told; many that hold each other have places without number
DEPTH = 40  # of nested fields: nobody reads on, and a model that holds itself ends
Found = tuple[str, str, Severity, str]  # path, kind, severity, sentence


def compare(old: Any, new: Any, side: Side, old_root: dict[str, Any], new_root: dict[str, Any]) -> list[Found]:
    """Every change between two schemas, each said once, in the order of the fields."""
    comparison = _Comparison(side, old_root, new_root)
    comparison.schemas("", old, new)
    return list(dict.fromkeys(comparison.found))


class _Comparison:
    def __init__(self, side: Side, old_root: dict[str, Any], new_root: dict[str, Any]) -> None:
        self.side, self.old_root, self.new_root = side, old_root, new_root
        self.found: list[Found] = []
        self._open: list[tuple[Any, Any]] = []  # pairs being compared: a model that holds itself meets them again
        self._told: Counter[tuple[Any, Any]] = Counter()  # how often models of a name were compared

    def say(self, effect: Effect, kind: str, path: str, what: str = "", old: str = "") -> None:
        severity = severity_of(effect, self.side)
        self.found.append((path, kind, severity, sentence(kind, self.side, path, what, old)))

    def schemas(self, path: str, old: Any, new: Any) -> None:
        pair = (_key(old), _key(new))
        if pair in self._open or self._told[pair] >= PLACES or len(self._open) > DEPTH:
            return
        self._told[pair] += isinstance(pair[0], str) and isinstance(pair[1], str)
        self._open.append(pair)
        self._forms(path, flatten(old, self.old_root), flatten(new, self.new_root))
        self._annotations(path, old, new)
        self._open.pop()

    def _annotations(self, path: str, old: Any, new: Any) -> None:
        was, now = resolve(old, self.old_root), resolve(new, self.new_root)
        if was.get("description") != now.get("description"):
            self.say("info", "description", path)

    def _forms(self, path: str, old: Form, new: Form) -> None:
        if old.anything or new.anything:
            if not new.anything:
                self.say("narrower", "closed", path, _kinds(new), "value")
            elif not old.anything:
                self.say("wider", "opened", path, "value", _kinds(old))
            return
        if _kinds_of(old).isdisjoint(_kinds_of(new)):
            self.say("breaking", "changed", path, _kinds(new), _kinds(old))
            return
        self._values(path, old, new)
        self._kinds(path, old, new)

    def _values(self, path: str, old: Form, new: Form) -> None:
        """Enumerated values that came or went; those of a kind that is open on the other side are not lost."""
        gone = [v for text, v in old.values.items() if text not in new.values and not _fits(v, new)]
        come = [v for text, v in new.values.items() if text not in old.values and not _fits(v, old)]
        if gone:
            self.say("narrower", "removed", path, listed(gone))
        if come:
            self.say("wider", "added", path, listed(come))

    def _kinds(self, path: str, old: Form, new: Form) -> None:
        for kind in dict.fromkeys([*old.kinds, *new.kinds]):
            if kind in old.kinds and kind in new.kinds:
                self._pairs(path, kind, old.kinds[kind], new.kinds[kind])
            elif kind in new.kinds:
                self._one_sided(path, kind, old, new, "wider")
            else:
                self._one_sided(path, kind, new, old, "narrower")

    def _one_sided(self, path: str, kind: str, less: Form, more: Form, effect: Effect) -> None:
        """``kind`` is open in ``more`` only. ``less`` may have whole numbers for numbers, or values of the kind."""
        words = ("added", "opened") if effect == "wider" else ("removed", "closed")
        values = [value for value in less.values.values() if _kind(value) == kind]
        other = {"number": "integer", "integer": "number"}.get(kind, "")
        if kind == "null" and values:
            return
        if values:
            texts = (KINDS[kind], listed(values))
            self.say(effect, words[1], path, *(texts if effect == "wider" else texts[::-1]))
        elif kind == "number" and other in less.kinds:
            texts = ("number", "whole ones")
            if effect == "wider":
                self.say(effect, words[1], path, *texts)
                self._pairs(path, kind, less.kinds[other], more.kinds[kind])
            else:
                self.say(effect, words[1], path, "whole numbers", "number")
                self._pairs(path, kind, more.kinds[kind], less.kinds[other])
        elif kind == "integer" and other in less.kinds:
            if other in more.kinds:  # otherwise it is told under "number"
                pair = (less.kinds[other], more.kinds[kind])
                self._pairs(path, other, *(pair if effect == "wider" else pair[::-1]))
        else:
            self.say(effect, words[0], path, KINDS.get(kind, kind))

    def _pairs(self, path: str, kind: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
        """Schemas of one kind: the same ones and the likest ones belong together; what is left came or went."""
        rest = list(new)
        pairs: list[tuple[dict[str, Any], dict[str, Any]]] = []
        gone = []
        for schema in sorted(old, key=lambda schema: schema not in rest):
            best = max(rest, key=lambda other: _likeness(schema, other), default=None)
            if best is None or (len(old) > 1 and not _likeness(schema, best)):
                gone.append(schema)
            else:
                rest.remove(best)
                pairs.append((schema, best))
        for before, after in pairs:
            self._single(path, kind, before, after)
        for schema in gone:
            self.say("narrower", "removed", path, _form_of(kind, schema))
        for schema in rest:
            self.say("wider", "added", path, _form_of(kind, schema))

    def _single(self, path: str, kind: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        for effect, change, what, was in limits(old, new):
            self.say(effect, change, path, what, was)
        for key in UNKNOWN:
            if old.get(key) != new.get(key):
                self.say("breaking", "unknown", path, key)
        if kind == "array":
            self._items(path, old, new)
        elif kind == "object":
            self._fields(path, old, new)
            self._further(path, old, new)

    def _items(self, path: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        self.schemas(f"{path}[]", old.get("items", {}), new.get("items", {}))
        first, second = old.get("prefixItems", []), new.get("prefixItems", [])
        for number, (before, after) in enumerate(zip(first, second, strict=False)):
            self.schemas(f"{path}[{number}]", before, after)
        if len(first) != len(second):
            self.say("breaking", "changed", path, f"{len(second)} fixed items", f"{len(first)}")

    def _fields(self, path: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        needed, needs = old.get("required", ()), new.get("required", ())
        was = {**old.get("properties", {}), **{name: {} for name in needed if name not in old.get("properties", {})}}
        now = {**new.get("properties", {}), **{name: {} for name in needs if name not in new.get("properties", {})}}
        for name in dict.fromkeys([*was, *now]):
            inner = f"{path}.{name}" if path else name
            if name not in now:
                self.say("breaking", "field-removed", inner)
            elif name not in was:
                self._new_field(inner, now[name], name in needs, old.get("additionalProperties", True))
            else:
                self._kept_field(inner, was[name], now[name], name in needed, name in needs)

    def _new_field(self, path: str, schema: Any, required: bool, before: Any) -> None:
        """``before``: what the old contract said of fields it did not name."""
        if self.side == "request":
            self.say("breaking" if required else "compatible", "field-required" if required else "field-added", path)
        else:  # breaking only where the contract had promised that there is nothing else
            self.say("breaking" if before is False else "compatible", "field-added", path)
        if before is not False and (not required if self.side == "request" else before is not True):
            self.schemas(path, before, schema)

    def _kept_field(self, path: str, old: Any, new: Any, needed: bool, needs: bool) -> None:
        if needs and not needed:
            self.say("narrower", "required", path)
        elif needed and not needs:
            self.say("wider", "optional", path)
        self.schemas(path, old, new)
        was, now = resolve(old, self.old_root), resolve(new, self.new_root)
        if self.side == "request" and "default" in was and "default" in now and was["default"] != now["default"]:
            self.say("compatible", "default", path, shown(now["default"]), shown(was["default"]))

    def _further(self, path: str, old: dict[str, Any], new: dict[str, Any]) -> None:
        """Fields without a name of their own: refused, or of one schema."""
        was, now = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if was is False and now is not False:
            self.say("wider", "fields-allowed", path)
        elif now is False and was is not False:
            self.say("narrower", "fields-refused", path)
        elif was is not False:
            self.schemas(f"{path}.*" if path else "*", was, now)


def _key(schema: Any) -> Any:
    """What tells a schema from others: the name it is referred to by, else the object itself."""
    plain = isinstance(schema, dict) and "$ref" in schema and schema.keys() <= {"$ref", "$defs"}
    return schema["$ref"] if plain else id(schema)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def _fits(value: Any, form: Form) -> bool:
    """Whether a value is one of an open kind, within its limits. Lists and objects are not looked into."""
    kind = _kind(value)
    if kind in ("array", "object"):
        return False
    limit = {"string": "Length", "integer": "imum", "number": "imum"}.get(kind, "")
    size = len(value) if kind == "string" else value
    point = {f"min{limit}": size, f"max{limit}": size} if limit else {}
    open_to = [*form.kinds.get(kind, ()), *(form.kinds.get("number", ()) if kind == "integer" else ())]
    return any(all(effect == "wider" for effect, *_ in limits(point, schema)) for schema in open_to)


def _kinds_of(form: Form) -> set[str]:
    kinds = {*form.kinds, *map(_kind, form.values.values())}
    return kinds | {"number"} if "integer" in kinds else kinds


def _kinds(form: Form) -> str:
    parts = [listed(list(form.values.values()))] if form.values else []
    return " or ".join([*parts, *(KINDS.get(kind, kind) for kind in form.kinds)]) or "nothing"


def _likeness(old: dict[str, Any], new: dict[str, Any]) -> int:
    """How likely one became the other: the same, of the same title, with the same fields."""
    if old == new:
        return 1000
    fields = old.get("properties", {}).keys() & new.get("properties", {}).keys()
    constants: int = sum(old["properties"][name] == new["properties"][name] for name in fields)
    return len(fields) + 10 * constants + 20 * bool(old.get("title") and old.get("title") == new.get("title"))


def _form_of(kind: str, schema: dict[str, Any]) -> str:
    """One of several alternatives, told by its fields."""
    if kind == "object" and schema.get("properties"):
        return f"an object with {', '.join(schema['properties'])}"
    return KINDS.get(kind, kind)
