"""Answers that were paid for before. Failures are never among them."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from chalicelib.asking import Answer
from chalicelib.calling.ledger import PaidAnswer
from chalicelib.errors import KeyMissing, Unavailable
from chalicelib.facts import Codec, NotRecordable
from chalicelib.models import Face, Label, Moderation, Prediction, TextLine
from chalicelib.questions import Question
from chalicelib.vault import Vault

log = logging.getLogger("artemis")

RESULTS: dict[str, Any] = {  # of one item
    "moderation": Moderation,
    "faces": list[Face],
    "text": list[TextLine],
    "labels": list[Label],
    "embedding": list[float],
    "predict": Prediction,
    "query": list[dict[str, Any]],
}


@cache
def codec(capability: str) -> Codec:
    """Writes and reads what answers one item of a capability."""
    return Codec(RESULTS[capability])


class Stored(NamedTuple):
    """An answer found in the store, and the decision that paid for it."""

    result: Any
    model: str
    version: str
    units: float  # what was charged for it
    decision_id: str


class Answers:
    """Stored answers, by what was asked of whom.

    Args:
        memory: the store, or None where nothing is stored; called on first use.
        vault: opens what is stored encrypted, and knows the secret that keys are made with.
    """

    def __init__(self, memory: Callable[[], Any] | None = None, vault: Vault | None = None) -> None:
        self._memory, self._vault = memory, vault or Vault()

    @property
    def kept(self) -> bool:
        return self._memory is not None

    def find(self, question: Question, keys: list[str], model: str, version: str, age: float) -> dict[int, Stored]:
        """Position -> stored answer of this model version, not older than ``age`` seconds."""
        if self._memory is None:
            return {}
        since = datetime.now(UTC) - timedelta(seconds=min(age, 3e9))
        try:
            rows = self._memory().answers(keys, model, version, since)
        except Unavailable as error:
            log.warning("stored answers cannot be read, so models are asked again: %s", error)
            return {}
        found = {}
        for position, key in enumerate(keys):
            if key in rows:
                text, units, decision_id = rows[key]
                with suppress(NotRecordable, KeyMissing):  # in a form, or under a key, of then: it is asked for anew
                    result = codec(question.capability).decode(self._vault.open(text))
                    found[position] = Stored(result, model, version, units, decision_id)
        return found

    def keys(self, question: Question, provider: str, settings: str) -> list[str]:
        """The keys of a question's items; not to be guessed by who knows what may have been asked."""
        secret = next(iter(self._vault.secrets), b"")
        return keys_of(question, provider, settings, secret)


def keys_of(question: Question, provider: str, settings: str, secret: bytes = b"") -> list[str]:
    """One key for each item: what is asked, of whom, under which settings. ``secret``: of an HMAC; empty: a digest."""
    tail = f"\0{provider}\0{settings}".encode()
    texts = [digest.encode() + tail for digest in question.digests]
    if secret:
        return [hmac.digest(secret, text, "sha256").hex() for text in texts]
    return [hashlib.sha256(text).hexdigest() for text in texts]


def to_keep(question: Question, keys: list[str], results: list[Any], answer: Answer) -> list[PaidAnswer]:
    """The answers as they are stored; none where one cannot be written (the task will say so)."""
    write, units = codec(question.capability).encode, answer.units / len(keys)
    try:
        return [
            PaidAnswer(key, answer.model, answer.version, units, write(result))
            for key, result in zip(keys, results, strict=True)
        ]
    except NotRecordable:
        return []
