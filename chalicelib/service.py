"""The application: decide, look up, describe. No HTTP in it; the edge parses and replies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from threading import Lock
from time import perf_counter
from typing import Any
from uuid import UUID

from uuid6 import uuid7

from chalicelib import intake, sealing
from chalicelib.blobs import Blobs
from chalicelib.calling.identity import Identity
from chalicelib.engine import Engine
from chalicelib.errors import Gone, NotFound
from chalicelib.facts import canonical
from chalicelib.manifest import Manifest, decisions_path, snake
from chalicelib.notices import failed, log_degraded
from chalicelib.observed import Observe, tell
from chalicelib.rows import FORGOTTEN, Record, Taken, answer_rows, decision_row, envelope, result_rows
from chalicelib.run import Attempt, Intake
from chalicelib.runtime import version_row
from chalicelib.sensitive import masked
from chalicelib.settings import LOCAL, ApiKey, Settings
from chalicelib.usecase import UseCase
from chalicelib.usecase import load as load_module
from chalicelib.vault import Vault
from chalicelib.warmup import without_collector

LOCAL_CLIENT = ApiKey("local", "", None)  # who asks where no key is configured: the local stage


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision: its id and its envelope as JSON text. ``replayed``: made before, for the same key."""

    id: str
    envelope: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A business question as it came. ``began`` is on the performance counter, ``deadline`` in seconds from then."""

    client: ApiKey
    usecase: UseCase
    contract: int
    body: bytes | str
    began: float
    deadline: float

    def left(self) -> float:
        """Seconds until the deadline; negative after it."""
        return self.deadline - (perf_counter() - self.began)


class Service:
    """What Artemis does, for whoever asks.

    Args:
        store: makes the store; called on the first request that needs it.
        identity: which versions of models were seen.
        vault: seals and opens what is sensitive.
        blobs: keeps large texts apart.
        observers: are told of each decision once it is stored; what they raise is logged.
    """

    def __init__(
        self,
        settings: Settings,
        manifest: Manifest,
        engine: Engine,
        store: Callable[[], Any],
        identity: Identity | None = None,
        vault: Vault | None = None,
        blobs: Blobs | None = None,
        observers: Sequence[Observe] = (),
    ) -> None:
        self.settings, self.manifest, self.engine, self.store = settings, manifest, engine, store
        self.identity, self.vault, self.blobs = identity or Identity(), vault or Vault(), blobs or Blobs()
        self.observers = observers
        self._use_cases: dict[tuple[str, int], UseCase] = {}
        self._stored_versions: set[tuple[str, str]] = set()
        self._lock = Lock()

    def decide(
        self,
        client: ApiKey,
        name: str,
        body: bytes | str,
        seconds: float | None = None,
        contract: int | None = None,
        key: str | None = None,
    ) -> Decided:
        """One decision, stored before it is answered.

        Args:
            seconds: how long the caller can wait, when that is less than the stage's deadline.
            contract: the contract that the caller knows; default: the notebook's.
            key: the caller's Idempotency-Key: the same again gets the same decision, and nothing is paid twice.

        Raises:
            NotFound, Malformed, Invalid: nothing was decided and nothing stored.
            Conflict: the same key is being decided right now.
            Unavailable: nothing was decided, or it, or a photo, could not be stored or read; ask again.
            DecisionFailed: stored as failed.
        """
        began = perf_counter()
        usecase = self.use_case(client, name, contract)
        self.engine.check()  # before a photo is put anywhere
        deadline = self.settings.deadline if seconds is None else min(self.settings.deadline, seconds)
        asked = Asked(client, usecase, contract or self.manifest.current(usecase.name), body, began, deadline)
        if key is None:
            return self.decide_once(asked, self.read(asked))
        from chalicelib.keyed import decide_keyed

        return decide_keyed(self, asked, key)

    def read(self, asked: Asked) -> Intake:
        """The request in the body. Raises Malformed, Invalid, or Unavailable (S3)."""
        policy = self.settings.photos.ending(asked.began + asked.deadline)
        if not asked.usecase.sensitive:
            return intake.read(asked.usecase.request_model, asked.body, policy)
        self.vault.check()  # before a model is paid
        return replace(intake.read(asked.usecase.request_model, asked.body, policy), salt=self.vault.new_salt())

    def decide_once(self, asked: Asked, request: Intake, attempt: Attempt | None = None) -> Decided:
        """Decide and store. ``attempt``: on what a keyed request's earlier attempts found, under its id and time."""
        usecase = asked.usecase
        # the time first: the id's is then never before it, which is what lists and histories bound their search by
        now, decision_id = (attempt.now, attempt.decision_id) if attempt else (datetime.now(UTC), str(uuid7()))
        run = self.engine.run(usecase, request, now, asked.left(), decision_id, attempt)
        if usecase.sensitive:
            sealing.hide(usecase, request, run)
        taken = Taken(decision_id, now, asked.client.client, self.settings.stage)
        row = decision_row(taken, usecase, request, run, (perf_counter() - asked.began) * 1000)
        record = Record(row, result_rows(decision_id, run), answer_rows(taken, run))
        if usecase.sensitive:
            record = sealing.sealed_record(record, usecase, request, self.vault)
        self._save(self.blobs.put_away(record, asked.left()), asked, attempt)
        if self.observers:
            tell(self.observers, record.decision, run, self.manifest.pricing)
        if run.degraded:
            log_degraded(decision_id, usecase, run)
        if run.failure:
            raise failed(decision_id, usecase, run.failure, run.facts)
        return Decided(decision_id, envelope(row))

    def _save(self, record: Record, asked: Asked, attempt: Attempt | None) -> None:
        """The decision with all that came up with it, in one transaction."""
        sightings, version = self.identity.unsaved(), (asked.usecase.name, asked.usecase.version)
        is_new = version not in self._stored_versions
        record = replace(
            record,
            sightings=[asdict(sighting) for sighting in sightings],
            versions=[version_row(asked.usecase, asked.contract)] if is_new else [],
        )
        (attempt or self.store()).save(record)
        if sightings:
            self.identity.saved(sightings)
        if is_new:
            self._stored_versions.add(version)

    def get(self, client: ApiKey, decision_id: str, with_trace: bool = False) -> str:
        """A stored decision's envelope as JSON text. Raises as ``readable`` does."""
        # facts go with their decision: who reads them first and finds it then has all of them
        results = self.store().results(decision_id) if with_trace and is_uuid(decision_id) else []
        row = self.readable(client, decision_id)
        if not with_trace:
            return envelope(self.shown(row))
        version = self._version(row["use_case"], row["version"])
        from chalicelib import trace

        is_local, prices = self.settings.stage == LOCAL, self.manifest.pricing
        traced = trace.build(*self.blobs.whole(row, results), version, is_local, prices, self.vault)
        return envelope(self.shown(row), trace=traced)

    def list_decisions(self, client: ApiKey, query: Mapping[str, list[str]]) -> str:
        """A page of stored decisions, newest first, as JSON text. Raises Invalid, and NotFound for a use case."""
        from chalicelib.lookup import list_decisions

        return list_decisions(self, client, query)

    def label(self, client: ApiKey, decision_id: str, body: bytes | str) -> dict[str, Any]:
        """Store what the right outcome was. Raises as ``readable`` does, and Malformed, Invalid."""
        from chalicelib.labels import label

        return label(self, client, decision_id, body)

    def labels(self, client: ApiKey, decision_id: str) -> dict[str, Any]:
        """The labels of a decision, oldest first. Raises as ``readable`` does."""
        from chalicelib.labels import labels_of

        return labels_of(self, client, decision_id)

    def readable(self, client: ApiKey, decision_id: str) -> dict[str, Any]:
        """A stored decision's row. Raises NotFound, also for what is not the client's; Gone when it was forgotten."""
        row: dict[str, Any] | None = self.store().get(decision_id) if is_uuid(decision_id) else None
        if row is None or not may(client, row["use_case"]):
            raise NotFound(f"there is no decision {decision_id[:100]!r}")
        if row["status"] == FORGOTTEN:
            raise Gone(f"decision {decision_id} was forgotten: what it was about was erased")
        return row

    def shown(self, row: dict[str, Any], opened: Callable[[str], str | None] | None = None) -> dict[str, Any]:
        """A stored decision's row as its client may see it. Raises KeyMissing, unless ``opened`` does otherwise.

        What an exception said may name people, addresses or secrets: it is for the log and the store.
        """
        row = {**row, "decision": row["decision"] and (opened or self.vault.open)(row["decision"])}
        if not row["failure"]:
            return row
        if self.settings.stage == LOCAL:
            return {**row, "failure": masked(row["failure"])}
        failure = json.loads(row["failure"])
        failure["error"].pop("message", None)
        return {**row, "failure": canonical(failure)}

    def use_cases(self, client: ApiKey) -> list[dict[str, Any]]:
        """What this client may call: title, description, parameters in force, steps and what they ask, version."""
        from chalicelib.describing import describe

        return [describe(self, name) for name in self.manifest.names if may(client, name)]

    def models(self) -> dict[str, Any]:
        """Who answers on this stage, in which version, and every change of a version that was seen."""
        from chalicelib.calling.in_use import in_use

        return in_use(self.settings.routing, self.store().versions())

    @property
    def contracts(self) -> range:
        """The contracts to have routes for: to the highest there is, and on the local stage one more, for the next."""
        return range(1, self.manifest.highest_contract + 1 + (self.settings.stage == LOCAL))

    def ready(self) -> None:
        """Raises Unavailable when a request could not be served now; what a use case raises when loaded."""
        self.engine.check()
        self.store().ping()
        for name in self.manifest.names:
            for contract in self.manifest.contracts(name):
                self.load(name, contract)

    def use_case(self, client: ApiKey, name: str, contract: int | None = None) -> UseCase:
        """The loaded use case. Raises NotFound when there is none, not for this client, or not under this contract."""
        name = snake(name)
        served = self.manifest.contracts(name)
        if not served or not may(client, name):
            raise NotFound(f"there is no use case {name[:100]!r}")
        if contract is not None and contract not in served:
            now = " and ".join(decisions_path(name, one) for one in served)
            raise NotFound(f"contract {contract} of {name} is not served; what is: {now}")
        return self.load(name, contract or self.manifest.current(name))

    def load(self, name: str, contract: int) -> UseCase:
        key = name, contract
        if key not in self._use_cases:
            with self._lock, without_collector():  # two requests at once: one import
                if key not in self._use_cases:
                    module, source = self.manifest.module(*key), self.manifest.source(*key)
                    self._use_cases[key] = load_module(name, module, self.overrides(*key), source)
        return self._use_cases[key]

    def overrides(self, name: str, contract: int) -> dict[str, Any]:
        """The stage's parameters; of a frozen contract those of the day it was frozen, which fit it."""
        if self.manifest.is_frozen(name, contract):
            kept = self.manifest.frozen[name][contract].get("overrides", {}).get(self.settings.stage, {})
            return dict(kept)
        return self.settings.parameters.get(name, {})

    def _version(self, name: str, version: str) -> UseCase | None:
        """The loaded use case, if it is one of those that decide now."""
        served = self.manifest.contracts(name)
        current = self.manifest.current(name) if served else 0
        # the notebook's own first: a frozen module that does not load is no reason to show less of it
        loaded = (self.load(name, contract) for contract in sorted(served, key=lambda one: one != current))
        return next((usecase for usecase in loaded if usecase.version == version), None)


def may(client: ApiKey, use_case: str) -> bool:
    """Whether a client may call a use case and read its decisions."""
    return client.use_cases is None or use_case in client.use_cases


def is_uuid(text: str) -> bool:
    """Whether it is an id as we write them."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
