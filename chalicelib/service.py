"""The application: decide, look up, describe. No HTTP in it; the edge parses and replies."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from threading import Lock
from time import perf_counter
from typing import Any
from uuid import UUID

from uuid6 import uuid7

from chalicelib import intake
from chalicelib.calling.identity import Identity
from chalicelib.engine import Engine
from chalicelib.errors import DecisionFailed, NotFound
from chalicelib.facts import canonical
from chalicelib.failures import traceback_of
from chalicelib.manifest import Manifest, decisions_path, snake
from chalicelib.run import Fact, Failure, Intake, Run
from chalicelib.settings import LOCAL, ApiKey, Settings
from chalicelib.usecase import UseCase, load
from chalicelib.warmup import without_collector

log = logging.getLogger("artemis")

LOCAL_CLIENT = ApiKey("local", "", None)  # who asks where no key is configured: the local stage


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision just made: its id and its envelope as JSON text."""

    id: str
    envelope: str


class Service:
    """What Artemis does, for whoever asks.

    Args:
        store: makes the store; called on the first request that needs it.
        identity: which versions of models were seen.
    """

    def __init__(
        self,
        settings: Settings,
        manifest: Manifest,
        engine: Engine,
        store: Callable[[], Any],
        identity: Identity | None = None,
    ) -> None:
        self.settings, self.manifest, self.engine, self.store = settings, manifest, engine, store
        self.identity = identity or Identity()
        self._use_cases: dict[tuple[str, int], UseCase] = {}
        self._lock = Lock()

    def decide(
        self, client: ApiKey, name: str, body: bytes | str, seconds: float | None = None, contract: int | None = None
    ) -> Decided:
        """One decision, stored before it is answered.

        Args:
            seconds: how long the caller can wait, when that is less than the stage's deadline.
            contract: the contract that the caller knows; default: the notebook's.

        Raises:
            NotFound, Malformed, Invalid: nothing was decided and nothing stored.
            Unavailable: nothing was decided, or it, or a photo, could not be stored or read; ask again.
            DecisionFailed: stored as failed.
        """
        began = perf_counter()
        usecase = self.use_case(client, name, contract)
        self.engine.check()  # before a photo is put anywhere
        deadline = self.settings.deadline if seconds is None else min(self.settings.deadline, seconds)
        request = intake.read(usecase.request_model, body, self.settings.photos.ending(began + deadline))
        now, decision_id = datetime.now(UTC), str(uuid7())
        run = self.engine.run(usecase, request, now, deadline - (perf_counter() - began), decision_id)
        row = self._row(client, usecase, request, run, now, decision_id)
        row["duration_ms"] = round((perf_counter() - began) * 1000, 3)
        timings = run.timings
        row["timings"] = canonical(timings)
        self._save(row, run, timings)
        if run.degraded:
            _log_degraded(decision_id, usecase, run)
        if run.failure:
            raise _failed(decision_id, usecase, run.failure, run.facts)
        return Decided(decision_id, envelope(row))

    def _save(self, row: dict[str, Any], run: Run, timings: dict[str, tuple[float, float]]) -> None:
        """The decision with all that belongs to it, in one transaction."""
        results = [_result_row(row["id"], fact, timings[fact.task]) for fact in run.facts]
        paid = [answer for fact in run.facts for answer in fact.answers]
        answers = [asdict(one) | {"decision_id": row["id"], "created_at": row["created_at"]} for one in paid]
        sightings = self.identity.unsaved()
        self.store().save(row, results, answers, [asdict(sighting) for sighting in sightings])
        if sightings:
            self.identity.saved(sightings)

    def get(self, client: ApiKey, decision_id: str, with_trace: bool = False) -> str:
        """A stored decision's envelope as JSON text. Raises NotFound, also for what is not the client's."""
        row = self.store().get(decision_id) if _is_uuid(decision_id) else None
        if row is None or not may(client, row["use_case"]):
            raise NotFound(f"there is no decision {decision_id!r}")
        if not with_trace:
            return envelope(self._discreet(row))
        version = self._version(row["use_case"], row["version"])
        from chalicelib import trace

        results, prices = self.store().results(decision_id), self.manifest.pricing
        traced = trace.build(row, results, version, self.settings.stage == LOCAL, prices)
        return envelope(self._discreet(row), trace=traced)

    def _discreet(self, row: dict[str, Any]) -> dict[str, Any]:
        """What an exception said may name people, addresses or secrets: it is for the log and the store."""
        if self.settings.stage == LOCAL or not row["failure"]:
            return row
        failure = json.loads(row["failure"])
        failure["error"].pop("message", None)
        return {**row, "failure": canonical(failure)}

    def use_cases(self, client: ApiKey) -> list[dict[str, Any]]:
        """What this client may call: title, description, parameters in force, steps, version."""
        return [self._describe(name) for name in self.manifest.names if may(client, name)]

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
                self._load(name, contract)

    def use_case(self, client: ApiKey, name: str, contract: int | None = None) -> UseCase:
        """The loaded use case. Raises NotFound when there is none, not for this client, or not under this contract."""
        name = snake(name)
        served = self.manifest.contracts(name)
        if not served or not may(client, name):
            raise NotFound(f"there is no use case {name!r}")
        if contract is not None and contract not in served:
            now = " and ".join(decisions_path(name, one) for one in served)
            raise NotFound(f"contract {contract} of {name} is not served; what is: {now}")
        return self._load(name, contract or self.manifest.current(name))

    def _load(self, name: str, contract: int) -> UseCase:
        key = name, contract
        if key not in self._use_cases:
            with self._lock, without_collector():  # two requests at once: one import
                if key not in self._use_cases:
                    module, source = self.manifest.module(*key), self.manifest.source(*key)
                    self._use_cases[key] = load(name, module, self._overrides(*key), source)
        return self._use_cases[key]

    def _overrides(self, name: str, contract: int) -> dict[str, Any]:
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
        loaded = (self._load(name, contract) for contract in sorted(served, key=lambda one: one != current))
        return next((usecase for usecase in loaded if usecase.version == version), None)

    def _describe(self, name: str) -> dict[str, Any]:
        contract, served = self.manifest.current(name), self.manifest.contracts(name)
        entry, overrides = served[contract], self._overrides(name, contract)
        parameters = {
            key: {**about, "value": overrides.get(key, about["default"])} for key, about in entry["parameters"].items()
        }
        described = {key: entry[key] for key in ("title", "description", "notebook", "steps")}
        # a stage that came after the freeze has no version noted
        version = entry["versions"].get(self.settings.stage) or self._load(name, contract).version
        numbers = {"version": version, "contract": contract, "contracts": list(served)}
        return {"name": name, **numbers, **described, "parameters": parameters}

    def _row(
        self, client: ApiKey, usecase: UseCase, request: Intake, run: Run, now: datetime, decision_id: str
    ) -> dict[str, Any]:
        subject = usecase.graph.subject
        return {
            "id": decision_id,
            "use_case": usecase.name,
            "version": usecase.version,
            "stage": self.settings.stage,
            "client": client.client,
            "subject": getattr(request.sealed, subject) if subject else None,
            "status": "failed" if run.failure else "decided",
            "outcome": _outcome(run.decision),
            "request": request.record,
            "decision": run.decision,
            "degraded": canonical(run.degraded),
            "failure": canonical(asdict(run.failure)) if run.failure else None,
            "created_at": now,
        }


def may(client: ApiKey, use_case: str) -> bool:
    """Whether a client may call a use case and read its decisions."""
    return client.use_cases is None or use_case in client.use_cases


def envelope(row: dict[str, Any], **members: Any) -> str:
    """A decision's envelope as JSON text; what is stored as JSON goes in as it is."""
    parts = [
        f'"id":"{row["id"]}","use_case":"{row["use_case"]}","version":"{row["version"]}"',
        f'"status":"{row["status"]}","decision":{row["decision"] or "null"}',
        f'"degraded":{row["degraded"]},"created_at":"{row["created_at"].isoformat()}"',
    ]
    if row["failure"]:
        parts.append(f'"failure":{row["failure"]}')
    parts += [f'"{name}":{canonical(value)}' for name, value in members.items()]
    return "{" + ",".join(parts) + "}"


def _outcome(decision: str | None) -> str | None:
    """The outcome of a decision that has one, for looking decisions up by it."""
    if decision is None or '"outcome"' not in decision:
        return None
    outcome = json.loads(decision).get("outcome")
    return outcome if isinstance(outcome, str) else None


def _result_row(decision_id: str, fact: Fact, times: tuple[float, float]) -> dict[str, Any]:
    first = next((call for call in fact.calls if call.error is None), fact.calls[0] if fact.calls else None)
    return {
        "decision_id": decision_id,
        "task": fact.task,
        "fact_key": fact.key,
        "provider": first and first.provider,
        "model": first and first.model,
        "model_version": first and first.version,
        "calls": canonical([call.as_dict() for call in fact.calls]) if fact.calls else "[]",
        "output": fact.output,
        "error": canonical(fact.error) if fact.error else None,
        "fallback_used": fact.fallback,
        "started_ms": times[0],
        "duration_ms": times[1],
    }


def _log_degraded(decision_id: str, usecase: UseCase, run: Run) -> None:
    """A line for each fallback, of a task or of a provider."""
    for fact in run.facts:
        if fact.fallback:
            said = f"{fact.error}{_unanswered(fact)}{traceback_of(fact.error or {})}"
            log.warning("decision %s: %s.%s fell back: %s", decision_id, usecase.name, fact.task, said)
        for failed, answered in fact.stand_ins:
            said = f"{failed.capability} by {answered.provider}: {failed.provider} said {failed.error}"
            log.warning("decision %s: %s.%s was given %s", decision_id, usecase.name, fact.task, said)


def _unanswered(fact: Fact) -> str:
    """Every provider that was asked in vain: an error tells of the last one only."""
    failed = [f"{call.provider}: {call.error}" for call in fact.calls if call.error]
    return f" (asked in turn: {', '.join(failed)})" if len(failed) > 1 else ""


def _failed(decision_id: str, usecase: UseCase, failure: Failure, facts: list[Fact]) -> DecisionFailed:
    """The problem for a failed decision: which step and where, not what its exception said."""
    place: dict[str, Any] = {key: failure.error[key] for key in ("notebook", "cell", "line") if key in failure.error}
    where = f" ({place['notebook']}, cell {place['cell']}, line {place['line']})" if place else ""
    detail = f"{failure.kind.replace('-', ' ')}: {failure.step!r} of {usecase.name}{where}"
    asked = "".join(_unanswered(fact) for fact in facts if fact.task == failure.step)
    log.error("decision %s: %s: %s%s%s", decision_id, detail, failure.error, asked, traceback_of(failure.error))
    return DecisionFailed(failure.status, failure.kind, detail, decision_id=decision_id, step=failure.step, **place)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
