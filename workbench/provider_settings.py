"""What a stage file asks of its providers, against what each of them says it can do and takes as settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from chalicelib.calling.routing import LIMITS, meant
from chalicelib.models import CAPABILITIES
from chalicelib.providers import PROVIDERS, provider_class

BOOL = "; yes, no, on and off are true and false in YAML: write {} in quotes"


def check(content: Any) -> list[str]:
    """What a stage file asks in vain of providers that there are. Whatever else is wrong with it is left out."""
    settings = {name: entry for name, entry in _entries(content, "provider_settings") if name in PROVIDERS}
    chains = {name: _known(entry) for name, entry in _entries(content, "providers")}
    asked = {provider for chain in chains.values() for provider in chain}
    own = {provider: _own(settings.get(provider, {})) for provider in sorted(asked | settings.keys())}
    return [
        *(problem for provider, entry in own.items() if entry is not None for problem in _settings(provider, entry)),
        *(problem for name, chain in chains.items() for problem in _abilities(name, chain, own)),
        *(problem for name, entry in _entries(content, "pin") for problem in _pins(name, entry, chains.get(name, []))),
    ]


def _entries(content: Any, key: str) -> list[tuple[str, Any]]:
    entries = content.get(key) if isinstance(content, dict) else None
    return list(entries.items()) if isinstance(entries, dict) else []


def _known(entry: Any) -> list[str]:
    """The known providers of a chain."""
    names = entry if isinstance(entry, list) else [entry]
    return [name for name in names if isinstance(name, str) and name in PROVIDERS]


def _own(entry: Any) -> dict[str, Any] | None:
    """A provider's own settings; None where they have no such form."""
    return {key: value for key, value in entry.items() if key not in LIMITS} if isinstance(entry, dict) else None


def _pins(name: str, entry: Any, chain: list[str]) -> Iterator[str]:
    """Pins that could never hold: each call would be paid for, and its answer thrown away."""
    capability = name.partition("/")[0]
    for provider in _known(list(entry) if isinstance(entry, dict) else chain):
        if capability in getattr(provider_class(provider), "UNVERSIONED", ()):
            yield f"pin.{name}: {provider} reports no version of it, so it cannot be pinned"


def _settings(provider: str, own: Mapping[str, Any]) -> Iterator[str]:
    model = provider_class(provider).Settings
    try:
        model.model_validate(own)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            where = ".".join(map(str, (f"provider_settings.{provider}", *detail["loc"])))
            yield f"{where}: {_words(detail, model)}"


def _words(detail: Any, model: Any) -> str:
    """What is wrong with a setting. Nothing of its value is shown, which may be a secret that has no place there."""
    if detail["type"] == "extra_forbidden":
        return f"there is no such setting{_near(detail['loc'], model)}"
    if detail["type"] == "missing":
        return "missing"
    said = str(detail["msg"]).removeprefix("Value error, ")
    is_word = detail["type"] in ("string_type", "literal_error") and isinstance(detail["input"], bool)
    return said + (BOOL.format('"yes"' if detail["input"] else '"no"') if is_word else "")


def _near(loc: tuple[Any, ...], model: Any) -> str:
    """The setting that was meant, or of those at the top all; further down it is any that is alike."""
    schema = model.model_json_schema()
    if len(loc) == 1:
        return f"; {meant(loc[0], [*schema['properties'], *sorted(LIMITS)])}"
    deeper = [name for one in schema.get("$defs", {}).values() for name in one.get("properties", ())]
    said = meant(str(loc[-1]), deeper)
    return f"; {said}" if said.startswith("did") else ""


def _abilities(name: str, chain: list[str], own: Mapping[str, dict[str, Any] | None]) -> Iterator[str]:
    """Whether who is named can answer, and knows the model where one is named."""
    capability, _, model = name.partition("/")
    for provider in chain if capability in CAPABILITIES else ():
        kind = provider_class(provider)
        if not hasattr(kind, capability):
            answers = [one for one in CAPABILITIES if hasattr(kind, one)]
            yield f"providers.{name}: {provider} does not answer it; it answers {', '.join(answers)}"
        models = (own[provider] or {}).get("models")
        if model and isinstance(models, dict) and model not in models:
            yield f"providers.{name}: provider_settings.{provider}.models has no {model!r}"
