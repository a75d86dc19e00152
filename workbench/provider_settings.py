"""What a stage file asks of its providers, against what each of them says it can do and takes as settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from chalicelib.calling.routing import Routing
from chalicelib.models import CAPABILITIES
from chalicelib.providers import provider_class


def check(content: Mapping[str, Any]) -> list[str]:
    """Every problem of a stage file whose form has been found good."""
    routing = Routing.of(content)
    asked = {name for chain in routing.providers.values() for name in chain}
    return [
        *(problem for name in sorted(asked | routing.settings.keys()) for problem in _settings(name, routing)),
        *(problem for name, chain in routing.providers.items() for problem in _abilities(name, chain, routing)),
    ]


def _settings(provider: str, routing: Routing) -> Iterator[str]:
    try:
        provider_class(provider).Settings.model_validate(routing.own(provider))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            where = ".".join(map(str, (f"provider_settings.{provider}", *detail["loc"])))
            yield f"{where}: {_words(detail)}"


def _words(detail: Any) -> str:
    if detail["type"] == "extra_forbidden":
        return "there is no such setting"
    return "missing" if detail["type"] == "missing" else str(detail["msg"])


def _abilities(name: str, chain: tuple[str, ...], routing: Routing) -> Iterator[str]:
    """Whether who is named can answer, and knows the model where one is named."""
    capability, _, model = name.partition("/")
    for provider in chain:
        kind = provider_class(provider)
        if not hasattr(kind, capability):
            answers = [one for one in CAPABILITIES if hasattr(kind, one)]
            yield f"providers.{name}: {provider} does not answer it; it answers {', '.join(answers)}"
        models = routing.own(provider).get("models")
        if model and isinstance(models, dict) and model not in models:
            yield f"providers.{name}: provider_settings.{provider}.models has no {model!r}"
