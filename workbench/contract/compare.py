"""What changed between two published contracts (OpenAPI documents), use case by use case.

A use case is told by its route: ``/v2/use-cases/refund-check/decisions`` is contract 2 of ``refund_check``.
A contract that is no longer served while a higher one is was raised: what that breaks was meant to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from workbench.contract.diff import compare
from workbench.contract.words import Change, Severity

ROUTE = re.compile(r"/v([1-9][0-9]*)/use-cases/([a-z0-9-]+)/decisions")
JSON = "application/json"
ORDER = {"breaking": 0, "compatible": 1, "info": 2}

Document = dict[str, Any]
Served = dict[str, dict[int, dict[str, Any]]]  # use case -> contract -> its operation


def changes(old: Document, new: Document) -> list[Change]:
    """Every change, by use case, breaking ones first."""
    was, now = _served(old), _served(new)
    found: list[Change] = []
    for name in sorted(was.keys() | now.keys()):
        found += _use_case(name, was.get(name, {}), now.get(name, {}), old, new)
    found += _service(old, new)
    return sorted(found, key=lambda change: (not change.use_case, change.use_case, change.contract, _rank(change)))


def _rank(change: Change) -> int:
    return ORDER[change.severity] + (change.accepted and change.severity == "breaking")


def _served(document: Document) -> Served:
    served: Served = {}
    for path, methods in document.get("paths", {}).items():
        if (found := ROUTE.fullmatch(path)) and "post" in methods:
            served.setdefault(found[2].replace("-", "_"), {})[int(found[1])] = methods["post"]
    return served


def _use_case(name: str, was: dict[int, Any], now: dict[int, Any], old: Document, new: Document) -> Iterator[Change]:
    if not was or not now:
        yield _whole(name, max(was or now), "breaking" if was else "compatible", "removed" if was else "added")
        return
    highest = max(now)
    for contract in sorted(was):
        if contract in now:
            yield from _operation(name, contract, was[contract], now[contract], old, new)
        elif contract < highest:
            yield _raised(name, contract, highest)
        else:
            message = f"contract {contract} is no longer served, and there is no higher one"
            yield Change(name, contract, "use case", "", "contract-removed", "breaking", message)
    for contract in sorted(now.keys() - was.keys()):
        message = f"contract {contract} is new: /v{contract}/use-cases/{name.replace('_', '-')}/decisions"
        yield Change(name, contract, "use case", "", "contract-added", "compatible", message)
        if lower := [one for one in was if one < contract]:  # what its callers will meet when they move up
            yield from _operation(name, contract, was[max(lower)], now[contract], old, new, accepted=True)


def _whole(name: str, contract: int, severity: Severity, what: str) -> Change:
    return Change(name, contract, "use case", "", f"use-case-{what}", severity, f"the use case is {what}")


def _raised(name: str, contract: int, highest: int) -> Change:
    message = f"contract {contract} is no longer served; contract {highest} is"
    return Change(name, contract, "use case", "", "contract-raised", "breaking", message, accepted=True)


def _operation(
    name: str, contract: int, was: Any, now: Any, old: Document, new: Document, accepted: bool = False
) -> Iterator[Change]:
    for side, pick in (("request", _request), ("response", _response)):
        for path, kind, severity, message in compare(pick(was), pick(now), side, old, new):  # type: ignore[arg-type]
            yield Change(name, contract, side, path, kind, severity, message, accepted and severity == "breaking")
    if [was.get("summary"), was.get("description")] != [now.get("summary"), now.get("description")]:
        yield Change(name, contract, "use case", "", "description", "info", "its title or description changed")


def _request(operation: Any) -> Any:
    return operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})


def _response(operation: Any) -> Any:
    return operation.get("responses", {}).get("200", {}).get("content", {}).get(JSON, {}).get("schema", {})


def _service(old: Document, new: Document) -> Iterator[Change]:
    """The routes that belong to no use case, by their being there and their parameters."""
    was, now = _others(old), _others(new)
    for route in sorted(was.keys() | now.keys()):
        if route not in now:
            yield Change("", 1, "service", route, "route-removed", "breaking", f"{route} is removed")
        elif route not in was:
            yield Change("", 1, "service", route, "route-added", "compatible", f"{route} is new")
        else:
            yield from _parameters(route, was[route], now[route], old, new)


def _others(document: Document) -> dict[str, Any]:
    """``GET /v1/use-cases`` -> operation, of all that is no use case."""
    paths = document.get("paths", {})
    return {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        if not ROUTE.fullmatch(path)
        for method, operation in methods.items()
    }


def _parameters(route: str, was: Any, now: Any, old: Document, new: Document) -> Iterator[Change]:
    before, after = (_object_of(operation.get("parameters", [])) for operation in (was, now))
    for path, kind, severity, message in compare(before, after, "request", old, new):
        yield Change(
            "", 1, "service", route, kind, severity, f"{route}: {message.replace('the field', 'the parameter')}"
        )
        del path


def _object_of(parameters: list[Any]) -> dict[str, Any]:
    """Parameters as the schema of an object that holds them."""
    named = {one["name"]: one.get("schema", {}) for one in parameters}
    required = [one["name"] for one in parameters if one.get("required")]
    return {"type": "object", "properties": named, "required": required, "additionalProperties": False}
