"""A new version is tried before anybody is sent to it: it runs, its store and use cases are there, it asks for keys."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib import __version__
from workbench.deploying.function import Answer, gateway_event
from workbench.shipping.errors import CannotShip

KEY = "ARTEMIS_SMOKE_KEY"  # a client's key; with one it is asked what it serves that client
PATIENCE, PAUSE = 45.0, 3.0  # seconds: a new role takes some to hold, and a database that sleeps some to wake
Ask = Callable[[Mapping[str, Any]], Answer]


def smoke(ask: Ask, versions: Mapping[str, str] | None, key: str | None, patience: float = PATIENCE) -> list[str]:
    """Tries a version; gives what was tried, in words. Raises CannotShip with the first thing that is wrong.

    Args:
        ask: sends an event to the version.
        versions: use case -> the version of it that has to be served; None: whatever it serves.
        key: of a client.
        patience: seconds for which what fails is tried again.
    """
    until, tried = time.monotonic() + patience, []
    for path, headers, wrong in _checks(versions, key):
        _until_right(ask, gateway_event("GET", path, headers), path, wrong, until)
        tried.append(f"GET {path}{' with a key' if headers else ''}")
    return tried


Check = tuple[str, dict[str, str], Callable[[Answer], str | None]]


def _checks(versions: Mapping[str, str] | None, key: str | None) -> list[Check]:
    """Path, headers, and what is wrong with an answer."""
    checks: list[Check] = [
        ("/health", {}, lambda answer: _status(answer, 200) or (_software(answer) if versions else None)),
        ("/ready", {}, lambda answer: _status(answer, 200)),
        ("/v1/use-cases", {}, lambda answer: _status(answer, 401)),
    ]
    if key:
        authorized = {"authorization": f"Bearer {key}"}
        checks.append(("/v1/use-cases", authorized, lambda answer: _status(answer, 200) or _serves(answer, versions)))
    return checks


def _until_right(
    ask: Ask, event: Mapping[str, Any], path: str, wrong: Callable[[Answer], str | None], until: float
) -> None:
    while True:
        try:
            why = wrong(ask(event))
        except CannotShip as error:
            why = str(error)
        if why is None:
            return
        if time.monotonic() + PAUSE > until:
            raise CannotShip(f"the smoke test failed: GET {path}: {why}")
        time.sleep(PAUSE)


def _status(answer: Answer, wanted: int) -> str | None:
    return None if answer.status == wanted else f"{answer.status} instead of {wanted}: {answer.body[:500]}"


def _software(answer: Answer) -> str | None:
    found = (answer.json() or {}).get("version")
    return None if found == __version__ else f"it is Artemis {found}, not {__version__}"


def _serves(answer: Answer, versions: Mapping[str, str] | None) -> str | None:
    """The key may be for some use cases only; those have to be of the new version."""
    served = {one["name"].replace("-", "_"): one.get("version") for one in (answer.json() or {}).get("use_cases", ())}
    if not served:
        return "the key's client may use no use case"
    others = [name for name, version in served.items() if versions and versions.get(name, version) != version]
    return f"another version is served of {', '.join(sorted(others))}" if others else None
