"""A use case as its callers and operators want to see it: what it needs, which models answer it on this stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.questions import Question

if TYPE_CHECKING:
    from chalicelib.calling.routing import Routing
    from chalicelib.service import Service


def describe(service: Service, name: str) -> dict[str, Any]:
    """Title, description, parameters in force, steps with what they ask and who answers, version."""
    contract, served = service.manifest.current(name), service.manifest.contracts(name)
    entry, overrides = served[contract], service.overrides(name, contract)
    parameters = {
        key: {**about, "value": overrides.get(key, about["default"])} for key, about in entry["parameters"].items()
    }
    described = {key: entry[key] for key in ("title", "description", "notebook")}
    steps = [_step(step, service.settings.routing) for step in entry["steps"]]
    # a stage that came after the freeze has no version noted
    version = entry["versions"].get(service.settings.stage) or service.load(name, contract).version
    numbers = {"version": version, "contract": contract, "contracts": list(served)}
    return {"name": name, **numbers, **described, "steps": steps, "parameters": parameters}


def _step(step: dict[str, Any], routing: Routing) -> dict[str, Any]:
    """A step; of a task also what it asks, of whom in which order."""
    if "asks" not in step:
        return step
    return step | {"asks": [{"asked": asked, "providers": providers(routing, asked)} for asked in step["asks"]]}


def providers(routing: Routing, asked: str) -> list[str]:
    """Who is asked for ``predict/match_score`` or a capability, in order; empty where nobody is named."""
    capability, _, model = asked.partition("/")
    return list(routing.chain(Question(capability, (), "" if model == "?" else model)))
