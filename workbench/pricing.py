"""The price list, ``usecases/pricing.yaml``: read strictly, because a misread price is a wrong sum nobody sees.

What comes out is plain JSON, which the build puts in the manifest: provider -> operation -> price, ``per`` in the
unit that a call counts in (a TiB is 1099511627776 bytes). ``chalicelib.costs`` calculates with it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any

from chalicelib.costs import ANY, UNITS
from workbench import stages
from workbench.problems import Problem
from workbench.project import Project
from workbench.yaml_keys import TWICE, Place, pairs, repeated

RULE = "price-list"
HINT = "see docs/operations.md"
REQUIRED = ("usd", "per", "source", "date")
OPTIONAL = ("region", "note")
NUMBER = re.compile(r"[0-9][0-9_,]*")
COUNTED = {"picture": ("moderation", "faces", "text", "labels"), "item": ("embedding", "predict")}
MEASURED = {
    "character": ("vertex_ai/embedding",),
    "byte": ("bigquery/query", "bigquery/predict"),
}  # what Answer.units is
BYTES = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

Prices = dict[str, dict[str, dict[str, Any]]]
Trouble = tuple[Place, str]


def path_of(project: Project) -> Path:
    return project.notebooks / "pricing.yaml"


def read(project: Project) -> tuple[Prices, list[Problem]]:
    """The price list and what is wrong with it. Without a file it is empty, and nothing is wrong."""
    path = path_of(project)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [Problem(project.relative(path), 0, 0, 0, RULE, f"cannot be read: {error.strerror}", HINT)]
    return parse(data, project.relative(path))


def parse(data: bytes, path: str) -> tuple[Prices, list[Problem]]:
    """The price list in ``data``, empty where there are problems; those name ``path`` and their line."""
    places = _Places(data)
    try:
        content = stages.parse(data)
    except ValueError as error:
        where = getattr(error.__context__, "problem_mark", None)  # YAML's own account of it
        return {}, [places.problem(path, (), f"not YAML: {error}", where)]
    found = [*places.repeated, *_check(content)]
    if found:
        return {}, [places.problem(path, place, message) for place, message in found]
    return {
        provider: {name: _entry(price) for name, price in operations.items()}
        for provider, operations in content.items()
    }, []


def _entry(price: dict[str, Any]) -> dict[str, Any]:
    """One price as the manifest holds it."""
    number, unit = _amount(price["per"])
    return {**price, "per": number, "unit": unit}


def _amount(text: Any) -> tuple[int, str]:
    """``"1000 pictures"`` as ``(1000, "picture")``. Raises ValueError."""
    number, _, unit = str(text).strip().partition(" ")
    unit = unit.strip()
    if NUMBER.fullmatch(number) and (count := int(re.sub("[_,]", "", number))) > 0:
        if unit in BYTES:
            return count * BYTES[unit], "byte"
        if (single := unit.removesuffix("s")) in UNITS:
            return count, single
    known = ", ".join([*UNITS, *BYTES])
    raise ValueError(f"{text!r} is not a number of units, such as 1000 pictures; units: {known}")


def _check(content: Any) -> Iterator[Trouble]:
    from chalicelib.providers import PROVIDERS

    if not isinstance(content, dict):
        yield (), "the file is not a mapping of providers"
        return
    for provider, operations in content.items():
        if provider not in PROVIDERS:
            yield (provider,), f"no provider is named {provider!r}{_meant(provider, PROVIDERS)}"
        elif not isinstance(operations, dict) or not operations:
            yield (provider,), "give a mapping: an operation and its price"
        else:
            for name, price in operations.items():
                yield from _check_operation((provider, name), name, price)


def _check_operation(place: Place, name: str, price: Any) -> Iterator[Trouble]:
    from chalicelib.models import CAPABILITIES

    capability, slash, model = name.partition("/")
    if capability not in (*CAPABILITIES, ANY) or (slash and (capability == ANY or not model)):
        meant = _meant(capability, [*CAPABILITIES, ANY])
        yield place, f"{name!r} is neither a capability, nor CAPABILITY/MODEL, nor {ANY!r}{meant}"
    if not isinstance(price, dict):
        yield place, f"give a mapping with {', '.join(REQUIRED)}"
        return
    for key in REQUIRED:
        if key not in price:
            yield place, f"{key!r} is missing"
    for key, value in price.items():
        if wrong := _check_value(key, value) or _check_unit(key, value, place[0], capability):
            yield (*place, key), wrong


def _check_unit(key: str, value: Any, provider: str, capability: str) -> str:
    from chalicelib.models import CAPABILITIES

    if key != "per" or capability not in (*CAPABILITIES, ANY) or _fits(provider, capability, _amount(value)[1]):
        return ""
    return f"calls of {provider}/{capability} are not counted in {value.split()[-1]}"


def _check_value(key: str, value: Any) -> str:
    """What is wrong with one value of a price; empty when nothing is."""
    if key not in REQUIRED + OPTIONAL:
        return f"unknown key{_meant(key, REQUIRED + OPTIONAL)}"
    if key == "usd":
        fine = isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value) and value >= 0
        return "" if fine else f"{value!r} is not a number of dollars, 0 or more"
    if key == "per":
        try:
            _amount(value)
        except ValueError as error:
            return str(error)
    elif key == "date":
        return "" if _is_date(value) else f"{value!r} is not a day, such as 2026-11-25"
    elif not isinstance(value, str) or not value.strip():
        return f"{value!r} is not a text"
    return ""


def _fits(provider: str, capability: str, unit: str) -> bool:
    """Whether calls say how many of a unit they used."""
    operations = MEASURED.get(unit, [f"{provider}/{one}" for one in COUNTED.get(unit, (capability,))])
    return f"{provider}/{capability}" in operations


def _is_date(value: Any) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value)) and bool(date.fromisoformat(value))
    except (TypeError, ValueError):
        return False


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"


class _Places:
    """Where keys stand in a file, and which stand there twice."""

    def __init__(self, data: bytes) -> None:
        import yaml

        self._lines = data.decode("utf-8-sig", "replace").split("\n")
        try:
            self._root = yaml.compose(data, yaml.SafeLoader)
        except (yaml.YAMLError, ValueError, RecursionError):
            self._root = None
        self._own = dict(repeated(self._root))
        self.repeated: list[Trouble] = [(place, TWICE) for place in self._own]

    def problem(self, path: str, place: Place, message: str, mark: Any = None) -> Problem:
        """A problem at ``mark``, or at the last key of ``place`` that is there."""
        mark = mark or self._own.get(place) or self._follow(place)
        message = f"{'.'.join(place)}: {message}" if place else message
        if mark is None:
            return Problem(path, 0, 0, 0, RULE, message, HINT)
        code = self._lines[mark.line].rstrip("\r") if mark.line < len(self._lines) else ""
        return Problem(path, 0, mark.line + 1, mark.column + 1, RULE, message, HINT, code=code)

    def _follow(self, place: Place) -> Any:
        node = self._root
        mark = node.start_mark if node is not None else None
        for name in place:
            found = [(key.start_mark, value) for key, value in pairs(node) if str(key.value) == name]
            if not found:
                break
            mark, node = found[-1]
        return mark
