"""A request with an Idempotency-Key: one decision, however often it is asked for, and nothing is paid twice.

The key is claimed first, each fact is stored as it is found, the decision last. Whoever sends the same key again
gets what was decided; is told to wait while it is being decided; or, where the one who decided failed or died,
decides on the facts that are there. The claim's owner is the attempt's decision id.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import Any

from uuid6 import uuid7

from chalicelib.asking import Call
from chalicelib.calling.ledger import PaidAnswer
from chalicelib.claim import KEPT, MARGIN, RUNNING, Claim
from chalicelib.errors import Conflict, KeyReused, ServiceError
from chalicelib.facts import canonical
from chalicelib.intake import MAX_VALUES
from chalicelib.rows import subject_of
from chalicelib.run import Fact
from chalicelib.sealing import opened_fact, sealed_fact
from chalicelib.service import Asked, Decided, Service

log = logging.getLogger("artemis")
HANGS = 1.0  # seconds for a fact that was not stored in the end

Changing = Callable[[Fact], Fact]


def decide_keyed(service: Service, asked: Asked, key: str) -> Decided:
    """The decision for this key: the stored one, which needs no photo any more, or a new one.

    Raises what ``Service.decide`` raises; KeyReused when the key came with another request before; Conflict when it is
    being decided, or another attempt took over before this one could store its decision.
    """
    payloads, claims = _payloads(service, asked), service.store().claims
    there = claims.find(asked.client.client, asked.usecase.name, key)
    if there is not None and (decided := _decided(service, asked, there, payloads)):
        return decided
    request = service.read(asked)  # a request that is refused claims nothing
    wanted = replace(
        _wanted(asked, key, payloads[0]),
        salt=service.vault.seal_salt(request.salt),
        subject=subject_of(asked.usecase, request),
    )
    attempt = KeyedAttempt(service.store(), wanted, *_sealing(service, asked))
    try:
        there = attempt.begin(payloads)
        if there is None:
            request = replace(request, salt=service.vault.open_salt(attempt.claim.salt))  # as the first attempt's
            return service.decide_once(asked, request, attempt)
    finally:
        attempt.release()
    decided = _decided(service, asked, there, payloads)
    if decided is None:
        raise Conflict("another request with this Idempotency-Key was faster")
    return decided


def _sealing(service: Service, asked: Asked) -> tuple[Changing, Changing]:
    """How a fact is written down and read, where it may hold what is sensitive."""
    if not asked.usecase.sensitive:
        return _same, _same
    return partial(sealed_fact, usecase=asked.usecase, vault=service.vault), partial(opened_fact, vault=service.vault)


def _same(fact: Fact) -> Fact:
    return fact


class KeyedAttempt:
    """One attempt at a keyed request: a ``chalicelib.run.Attempt``.

    ``sealed`` makes a fact what is stored of it, ``opened`` what is stored a fact.
    """

    def __init__(self, store: Any, wanted: Claim, sealed: Changing = _same, opened: Changing = _same) -> None:
        self._sealed, self._opened = sealed, opened
        self._store, self._claims, self.claim = store, store.claims, wanted
        self.decision_id, self.now = wanted.decision_id, wanted.created_at
        self._found: dict[tuple[str, str], Fact] = {}
        self._mine: list[Fact] = []
        self._unkept: list[Fact] = []
        self._ended = False
        self._hangs = False  # the store let a fact wait so long that nothing but the decision waits for it again

    def begin(self, payloads: list[str]) -> Claim | None:
        """Claim the key. The claim that is in the way, or None: then the earlier attempts' facts are there."""
        wanted = self.claim
        taken: Claim = self._claims.take(wanted, payloads, datetime.now(UTC))
        if taken.decision_id != wanted.decision_id:
            self._ended = True  # there is nothing to release
            return taken
        if taken.claim != wanted.claim:
            self.claim, self.now = taken, taken.created_at
            rows = self._claims.facts(taken)
            self._found = {(row["task"], row["fact_key"]): self._opened(_fact(row)) for row in rows}
        return None

    def find(self, task: str, key: str) -> Fact | None:
        fact = self._found.get((task, key))
        if fact is not None:
            self._mine.append(fact)
        return fact

    def keep(self, fact: Fact) -> None:
        """The decision goes on when it cannot be stored: it is then paid for again if this attempt dies."""
        if not fact.key:
            return
        self._mine.append(fact)
        if self._hangs:
            self._unkept.append(fact)
            return
        began = monotonic()
        try:
            self._claims.keep(self.claim, self._row(fact))
        except Exception as error:
            self._unkept.append(fact)
            self._hangs = monotonic() - began > HANGS
            log.warning("decision %s: the fact %r was not kept: %r", self.decision_id, fact.task, error)

    def save(self, record: Any) -> None:
        failed = record.decision["status"] == "failed"
        unkept = [self._row(fact) for fact in self._unkept] if failed else []
        found = [(fact.task, fact.key) for fact in self._mine] if failed else []
        with self._claims.ending(self.claim, failed, unkept, found) as batch:
            self._store.add(batch, record)
        self._ended = True

    def release(self) -> None:
        """Where nothing was stored, let the next attempt begin at once; if that fails, it begins when this is late."""
        if self._ended or self._hangs:
            return
        try:
            self._claims.release(self.claim)
        except Exception as error:
            log.warning("decision %s: its claim is not released: %r", self.decision_id, error)

    def _row(self, fact: Fact) -> dict[str, Any]:
        """The row of ``claimed_facts``."""
        fact = self._sealed(fact)
        return {
            "claim": self.claim.claim,
            "task": fact.task,
            "fact_key": fact.key,
            "attempt": self.decision_id,
            "recorded": False,
            "output": fact.output,
            "calls": canonical([call.as_dict() for call in fact.calls]),
            "answers": canonical([asdict(answer) for answer in fact.answers]),
        }


def _fact(row: dict[str, Any]) -> Fact:
    """A fact of an earlier attempt. Where a stored decision has it, its calls and answers are counted there."""
    calls = [Call(**call) for call in json.loads(row["calls"])]
    answers = [PaidAnswer(**answer) for answer in json.loads(row["answers"])]
    if row["recorded"]:
        calls = [replace(call, reused_from=row["attempt"]) if call.paid else call for call in calls]
        answers = []
    return Fact(row["task"], row["fact_key"], row["output"], None, False, calls, answers, row["attempt"])


def _wanted(asked: Asked, key: str, payload: str) -> Claim:
    """The claim of a new attempt, were it the first."""
    now = datetime.now(UTC)
    owned_until = now + timedelta(seconds=max(0.0, asked.left())) + MARGIN
    scope = asked.client.client, asked.usecase.name, key
    return Claim(*scope, str(uuid7()), payload, RUNNING, str(uuid7()), owned_until, now, now + KEPT)


def _decided(service: Service, asked: Asked, there: Claim, payloads: list[str]) -> Decided | None:
    """The stored reply; None when this request may be decided. Raises KeyReused, Conflict."""
    now = datetime.now(UTC)
    if there.is_expired(now):
        return None
    if there.payload not in payloads:
        raise KeyReused("it came with another body or for another contract before; use a new key for a new request")
    if there.is_owned(now):
        until = there.owned_until.isoformat()
        raise Conflict(f"a request with it is being decided, until {until} at the latest; send the same request again")
    if there.is_free(now):
        return None
    return _stored(service, asked, there)


def _stored(service: Service, asked: Asked, done: Claim) -> Decided | None:
    """The reply that was given; a claim whose decision is gone goes, too."""
    try:
        return Decided(done.decision_id, service.get(asked.client, done.decision_id), replayed=True)
    except ServiceError as error:
        if error.status not in (404, 410):
            raise
        service.store().claims.drop(done)
        return None


def _payloads(service: Service, asked: Asked) -> list[str]:
    """Digests of the body and the contract, that with which it is stored first.

    Where the service has encryption keys they are keyed, since a body may hold what is not to be guessed; a body
    is found again under each key, and under none, so that keys may be changed.
    """
    if asked.usecase.sensitive:
        service.vault.check()  # on the local stage there may be no key before
    content = f"{asked.contract}\0".encode() + _content(service, asked)
    keyed = [hmac.new(secret, content, hashlib.sha256).hexdigest() for secret in service.vault.secrets]
    return [*keyed, hashlib.sha256(content).hexdigest()]


def _content(service: Service, asked: Asked) -> bytes:
    """The body, whatever its white space and the order of its keys; what is no JSON is refused as ever."""
    body = asked.body.encode() if isinstance(asked.body, str) else asked.body
    try:
        if body.count(b",") > MAX_VALUES:
            raise ValueError("it has more values than a request may")
        return canonical(json.loads(body.decode())).encode()
    except (ValueError, RecursionError):
        service.read(asked)
        return body
