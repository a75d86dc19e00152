"""Stage files: YAML in, plain JSON out, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from typing import Any


def parse(data: bytes) -> Any:
    """A stage file's content as JSON would hold it. Raises ValueError.

    Dates stay the text they are written as, and keys become text: what the manifest holds is JSON.
    """
    import yaml

    try:
        content = yaml.load(data, _loader()) or {}  # noqa: S506  a SafeLoader
        json.dumps(content, ensure_ascii=False).encode()
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(_words(error)) from None
    return json.loads(json.dumps(content))


def _words(error: Exception) -> str:
    """What is wrong, without YAML's own account of where: the problem has line and column."""
    said = [getattr(error, name, None) for name in ("context", "problem")]
    return ", ".join(filter(None, said)) or str(error).replace("\n", " ")


@cache
def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """YAML without its dates, which JSON does not know."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader


def check(content: Any, use_cases: Collection[str]) -> list[str]:
    """Every problem of a stage file's content but those of parameters' values."""
    from chalicelib.providers import PROVIDERS
    from chalicelib.settings import check_stage
    from workbench import provider_settings

    try:
        return check_stage(content, use_cases, PROVIDERS) or provider_settings.check(content)
    except Exception as error:  # one bad file must not keep the notebooks from being built
        return [f"it cannot be checked: {type(error).__name__}: {error}"]


def answered(content: Any) -> frozenset[str]:
    """The capabilities, and models of ``predict``, for which a stage file names a provider."""
    providers = content.get("providers") if isinstance(content, dict) else None
    return frozenset(providers) if isinstance(providers, dict) else frozenset()


def overrides_of(content: Any, name: str) -> dict[str, Any]:
    """A stage's parameter overrides of one use case, whichever way its name is written."""
    entries = content.get("use_cases") if isinstance(content, dict) else None
    found: dict[str, Any] = {}
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        if key.replace("-", "_") == name and isinstance(entry, dict):
            parameters = entry.get("parameters")
            found.update(parameters if isinstance(parameters, dict) else {})
    return found
