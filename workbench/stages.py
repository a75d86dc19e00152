"""Stage files: YAML in, plain JSON out, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from typing import Any

from workbench.problems import Problem
from workbench.yaml_keys import TWICE, repeated


def parse(data: bytes) -> Any:
    """A stage file's content as JSON would hold it. Raises ValueError.

    Dates stay the text they are written as, and keys become text: what the manifest holds is JSON.
    """
    return _parse(data)[0]


def read(data: bytes, path: str, use_cases: Collection[str]) -> tuple[Any, list[Problem]]:
    """A stage file's content, {} of what is no YAML, and all that is wrong with it but parameters' values."""
    try:
        content, said = _parse(data)
        said += check(content, use_cases)
    except ValueError as error:
        content, said = {}, [f"not YAML: {error}"]
    return content, [Problem(path, 0, 0, 0, "stage-file", text, _hint(text)) for text in said]


def _hint(text: str) -> str:
    from chalicelib.calling.routing import KEYS

    return "see docs/models.md" if text.startswith(KEYS) else "see docs/operations.md"


def _parse(data: bytes) -> tuple[Any, list[str]]:
    """The content, and a text for each key that stands there twice."""
    import yaml

    try:
        loader = _loader()(data)
        node = loader.get_single_node()
        content = (loader.construct_document(node) if node is not None else None) or {}
        json.dumps(content, ensure_ascii=False).encode()
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(_words(error)) from None
    return json.loads(json.dumps(content)), [f"{'.'.join(place)}: {TWICE}" for place, _ in repeated(node)]


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
    """What is wrong with a stage file's content, all of it at once, but parameters' values."""
    from chalicelib.providers import PROVIDERS
    from chalicelib.settings import check_stage
    from workbench import provider_settings

    try:
        return [*check_stage(content, use_cases, PROVIDERS), *provider_settings.check(content)]
    except Exception as error:  # one bad file must not keep the notebooks from being built
        return [f"it cannot be checked: {type(error).__name__}: {error}"]


def answered(content: Any) -> frozenset[str]:
    """The capabilities, and models of ``predict``, for which a stage file names a provider."""
    providers = content.get("providers") if isinstance(content, dict) else None
    return frozenset(providers) if isinstance(providers, dict) else frozenset()


def overrides_of(content: Any, name: str) -> dict[str, Any]:
    """A stage's parameter overrides of one use case, whichever way its name is written."""
    return _of_use_case(content, name, "parameters")


def challengers_of(content: Any, name: str) -> dict[str, dict[str, Any]]:
    """Challenger -> the parameters that it sets beside the stage's own."""
    found = _of_use_case(content, name, "challengers")
    return {challenger: parameters for challenger, parameters in found.items() if isinstance(parameters, dict)}


def _of_use_case(content: Any, name: str, key: str) -> dict[str, Any]:
    entries = content.get("use_cases") if isinstance(content, dict) else None
    found: dict[str, Any] = {}
    for written, entry in entries.items() if isinstance(entries, dict) else ():
        if written.replace("-", "_") == name and isinstance(entry, dict):
            part = entry.get(key)
            found.update(part if isinstance(part, dict) else {})
    return found
