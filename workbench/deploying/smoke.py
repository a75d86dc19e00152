"""A new version is tried before anybody is sent to it: it runs, its store and use cases are there, it asks for keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import __version__
from workbench.deploying.function import Answer, gateway_event
from workbench.shipping.errors import CannotShip

KEY = "ARTEMIS_SMOKE_KEY"  # a client's key; with one it is asked what it serves that client
PATIENCE, PAUSE = 45.0, 3.0  # seconds: a new role takes some to hold, and a database that sleeps some to wake
Ask = Callable[[Mapping[str, Any]], Answer]


@dataclass(frozen=True, slots=True)
class Check:
    """One request, and what is wrong with its answer; None: nothing."""

    what: str
    event: Mapping[str, Any]
    wrong: Callable[[Answer], str | None]


def smoke(ask: Ask, versions: Mapping[str, str] | None, key: str | None, patience: float = PATIENCE) -> list[str]:
    """Tries a version; gives what was tried, in words. Raises CannotShip with the first thing that is wrong.

    Args:
        ask: sends an event to the version.
        versions: use case -> the version of it that has to be served; None: whatever it serves.
        key: of a client.
        patience: seconds for which what fails is tried again.
    """
    until = time.monotonic() + patience
    checks = [*_open(versions)]
    for check in checks:
        _until_right(ask, check, until)
    if key:
        listed = Check("GET /v1/use-cases with a key", _get("/v1/use-cases", key), lambda one: _serves(one, versions))
        served = _until_right(ask, listed, until).json()["use_cases"]
        routes = [*_routes(served, key)]
        for check in routes:
            _until_right(ask, check, until)
        checks += [listed, *routes]
    return [check.what for check in checks]


def _open(versions: Mapping[str, str] | None) -> Iterator[Check]:
    """What anybody may ask."""
    yield Check("GET /health", _get("/health"), lambda one: _status(one, 200) or (_software(one) if versions else None))
    yield Check("GET /ready", _get("/ready"), lambda one: _status(one, 200))
    yield Check("GET /v1/use-cases", _get("/v1/use-cases"), lambda one: _status(one, 401))


def _routes(served: list[dict[str, Any]], key: str) -> Iterator[Check]:
    """Each decide route refuses what is no request: it is there, and nothing is decided or paid for."""
    for use_case in served:
        name = use_case["name"].replace("_", "-")
        for contract in use_case["contracts"]:
            pattern = f"/v{contract}/use-cases/{{name}}/decisions"
            path, headers = pattern.replace("{name}", name), {**_bearer(key), "content-type": "application/json"}
            event = gateway_event("POST", path, headers, "[]", pattern, {"name": name})
            yield Check(f"POST {path}", event, lambda one: _status(one, 422))


def _get(path: str, key: str | None = None) -> dict[str, Any]:
    return gateway_event("GET", path, _bearer(key) if key else {})


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def _until_right(ask: Ask, check: Check, until: float) -> Answer:
    while True:
        try:
            answer = ask(check.event)
            why = check.wrong(answer)
        except CannotShip as error:
            why = str(error)
        if why is None:
            return answer
        if time.monotonic() + PAUSE > until:
            raise CannotShip(f"the smoke test failed: {check.what}: {why}")
        time.sleep(PAUSE)


def _status(answer: Answer, wanted: int) -> str | None:
    return None if answer.status == wanted else f"{answer.status} instead of {wanted}: {answer.body[:500]}"


def _software(answer: Answer) -> str | None:
    found = (answer.json() or {}).get("version")
    return None if found == __version__ else f"it is Artemis {found}, not {__version__}"


def _serves(answer: Answer, versions: Mapping[str, str] | None) -> str | None:
    """The key may be for some use cases only; those have to be of the new version."""
    if why := _status(answer, 200):
        return why
    served = {one["name"].replace("-", "_"): one.get("version") for one in (answer.json() or {}).get("use_cases", ())}
    if not served:
        return "the key's client may use no use case"
    others = [name for name, version in served.items() if versions and versions.get(name, version) != version]
    return f"another version is served of {', '.join(sorted(others))}" if others else None
