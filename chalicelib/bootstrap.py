"""The composition root: the only place that names concrete adapters. Nothing is made before it is needed."""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from importlib import import_module
from threading import Lock
from typing import Any

from chalicelib.engine import Engine
from chalicelib.errors import ProviderError
from chalicelib.manifest import GENERATED, Manifest
from chalicelib.models import Models
from chalicelib.providers import PROVIDERS
from chalicelib.service import Service
from chalicelib.settings import LOCAL, Settings
from chalicelib.settings import load as load_settings
from chalicelib.warmup import without_collector


class Providers:
    """capability -> (name, provider) of a stage; each provider is imported and made on first use."""

    def __init__(self, by_capability: dict[str, str]) -> None:
        self._by_capability, self._lock = by_capability, Lock()
        self._made: dict[str, Any] = {}

    def __call__(self, capability: str) -> tuple[str, Any]:
        name = self._by_capability.get(capability)
        if name is None:
            raise ProviderError(f"no provider answers {capability!r} on this stage: name one in its stage file")
        if name not in self._made:
            with self._lock:
                if name not in self._made:
                    module, _, attribute = PROVIDERS[name].partition(":")
                    self._made[name] = getattr(import_module(module), attribute)()
        return name, self._made[name]


def engine(providers: dict[str, str]) -> Engine:
    """The process's engine for these providers: its threads and loaded models outlive a new build."""
    return _engine(tuple(sorted(providers.items())))


@lru_cache(maxsize=4)
def _engine(providers: tuple[tuple[str, str], ...]) -> Engine:
    by_capability = Providers(dict(providers))
    return Engine(models=lambda: Models(by_capability))


@lru_cache(maxsize=1)
def _store(url: str) -> Any:
    with without_collector():
        from chalicelib.store import Store

    return Store(url)


def build(settings: Settings, manifest: Manifest) -> Service:
    """A service for these settings."""
    return Service(settings, manifest, engine(settings.providers), lambda: _store(settings.database_url))


class _Current:
    """The process's service. On the local stage it follows the manifest: a new build is a new service."""

    def __init__(self) -> None:
        self._lock, self._built_at = Lock(), 0.0
        self._service: Service | None = None

    def service(self) -> Service:
        made = self._service
        if made is None or (made.settings.stage == LOCAL and _built_at() != self._built_at):
            with self._lock:
                if self._service is not made and self._service is not None:
                    return self._service  # another thread was faster
                built_at, manifest = _built_at(), Manifest.read()
                settings = load_settings(os.environ, manifest.stages, manifest.use_cases, PROVIDERS)
                logging.getLogger("artemis").setLevel(settings.log_level)
                made = self._service = build(settings, manifest)
                self._built_at = built_at
        return made


def _built_at() -> float:
    try:
        return (GENERATED / "manifest.json").stat().st_mtime
    except FileNotFoundError:
        return 0.0


service = _Current().service
