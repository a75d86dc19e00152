"""The composition root: the only place that names concrete adapters. Nothing is made before it is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache, partial
from threading import Lock
from typing import Any

from chalicelib import reporting
from chalicelib.asking import Asking
from chalicelib.blobs import Blobs, Place
from chalicelib.calling.router import Observer, Router
from chalicelib.calling.routing import Routing
from chalicelib.database_settings import folder_beside
from chalicelib.engine import Engine
from chalicelib.folder_objects import Folder
from chalicelib.history import Asker, History, Stored, nothing_before
from chalicelib.manifest import GENERATED, Manifest
from chalicelib.photo import PhotoPolicy
from chalicelib.providers import PROVIDERS, make
from chalicelib.service import Service
from chalicelib.settings import LOCAL, Settings
from chalicelib.settings import load as load_settings
from chalicelib.vault import LOCAL_KEY, Vault
from chalicelib.warmup import without_collector
from chalicelib.workers import Workers


def engine(
    routing: Routing,
    database_url: str | None = None,
    observe: Observer | None = None,
    stage: str = LOCAL,
    use_cases: frozenset[str] = frozenset(),
    vault: Vault | None = None,
) -> Engine:
    """The process's engine for this routing: its threads, clients and loaded models outlive a new build.

    Args:
        database_url: where earlier decisions, and answers that may be used again, are stored; None: nothing is.
        observe: is told of every answer; for recording them.
        stage: whose decisions a task's history holds.
        use_cases: the names that a task's history may be asked for.
        vault: opens stored answers that are encrypted.
    """
    past = _no_history(use_cases) if database_url is None else _history(database_url, stage, use_cases)
    return _engine(router(routing, database_url, observe, vault), past)


def router(
    routing: Routing, database_url: str | None = None, observe: Observer | None = None, vault: Vault | None = None
) -> Router:
    """The process's router for this routing."""
    with _MAKING:
        key = routing.key, database_url, observe, vault
        if key not in _ROUTERS:
            if len(_ROUTERS) >= 4:  # new builds bring new ones
                del _ROUTERS[next(iter(_ROUTERS))]
            memory = None if database_url is None else partial(_store, database_url)
            _ROUTERS[key] = Router(routing, make, memory, observe, vault)
        return _ROUTERS[key]


_MAKING = Lock()
_ROUTERS: dict[tuple[str, str | None, Observer | None, Vault | None], Router] = {}


@lru_cache(maxsize=4)
def _engine(router: Router, past: Callable[[Asking, str | None, datetime], History]) -> Engine:
    return Engine(router.models, _workers(router), past)


@lru_cache(maxsize=4)
def _workers(router: Router) -> Workers:
    return Workers()


@lru_cache(maxsize=4)
def _no_history(use_cases: frozenset[str]) -> Callable[[Asking, str | None, datetime], History]:
    return partial(nothing_before, use_cases=use_cases)


@lru_cache(maxsize=4)
def _history(url: str, stage: str, use_cases: frozenset[str]) -> Callable[[Asking, str | None, datetime], History]:
    """Makes the history that a task is given; the store is looked into when the task asks something."""
    past = Stored(partial(_store, url), fetch=blobs(url).fetch)

    def history(asking: Asking, subject: str | None, now: datetime) -> History:
        asker = Asker(asking.use_case, subject, now, asking.decision_id, stage, asking.left)
        return History(past, asker, use_cases)

    return history


@lru_cache(maxsize=1)
def _store(url: str) -> Any:
    with without_collector():
        from chalicelib.store import Store

    return Store(url)


@lru_cache(maxsize=1)
def _buckets() -> Any:
    from chalicelib.buckets import Buckets

    return Buckets()


def photos(policy: PhotoPolicy) -> PhotoPolicy:
    """The policy with the process's S3 client, which is made on first use, where it has buckets."""
    needed = policy.objects is None and (policy.buckets or policy.upload)
    return replace(policy, objects=_buckets()) if needed else policy


@lru_cache(maxsize=4)
def blobs(url: str, place: Place | None = None) -> Blobs:
    """Where large texts of a database's records lie: in a bucket, or beside an embedded database."""
    folder = folder_beside(url)
    beside = None if folder is None else Folder(folder)
    return Blobs(place or (Place() if beside else None), _buckets, beside)


@lru_cache(maxsize=4)
def vault_of(keys: tuple[str, ...], stage: str) -> Vault:
    """What seals and opens sensitive fields; on the local stage without keys it makes its own."""
    return Vault(keys, LOCAL_KEY if stage == LOCAL else None)


def build(settings: Settings, manifest: Manifest) -> Service:
    """A service for these settings."""
    settings = replace(settings, photos=photos(settings.photos))
    url = settings.database_url
    vault = vault_of(settings.encryption_keys, settings.stage)
    identity = router(settings.routing, url, vault=vault).identity
    deciding = engine(settings.routing, url, stage=settings.stage, use_cases=frozenset(manifest.names), vault=vault)
    apart = blobs(url, settings.objects)
    return Service(
        settings, manifest, deciding, partial(_store, url), identity, vault, apart, tuple(reporting.OBSERVERS.values())
    )


def middleware(seconds_left: Callable[[], float | None]) -> list[Callable[..., Any]]:
    """What stands around every request. ``seconds_left``: of an invocation of Lambda."""
    return reporting.middleware(service().settings, seconds_left)


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
                settings = load_settings(os.environ, manifest.stages, manifest.use_cases, PROVIDERS, manifest.sensitive)
                reporting.start(settings, partial(_store, settings.database_url))
                made = self._service = build(settings, manifest)
                self._built_at = built_at
        return made

    def forget(self) -> None:
        self._service = None


def _built_at() -> float:
    try:
        return (GENERATED / "manifest.json").stat().st_mtime
    except FileNotFoundError:
        return 0.0


_CURRENT = _Current()
service = _CURRENT.service


def renew() -> None:
    """The next request finds a service made anew: for a server that has added observers."""
    _CURRENT.forget()


def watch() -> dict[str, float]:
    """Use case -> how far its outcomes of the last day are from those before. Raises Unavailable."""
    from chalicelib import watching

    found = {shift.use_case: shift.share for shift in watching.watch(service())}
    reporting.flush()
    return found
