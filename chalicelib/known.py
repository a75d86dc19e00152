"""What is known while a decision is made: the request, the time, results so far; and the fact keys made of them."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from chalicelib.graph import Step
from chalicelib.keys import digestible
from chalicelib.run import Intake
from chalicelib.usecase import UseCase

UNKEYED = frozenset({"models", "history"})


class Known:
    """Results by step: ``values``, and of facts their ``texts`` as they are recorded."""

    def __init__(self, usecase: UseCase, intake: Intake, now: datetime) -> None:
        self.usecase, self.graph, self.intake, self.now = usecase, usecase.graph, intake, now
        self.values: dict[str, Any] = {}
        self.texts: dict[str, str] = {}

    def arguments(self, step: Step, request: BaseModel, given: dict[str, Any]) -> list[Any]:
        """What a step is called with. ``given``: the names that only tasks are given."""
        return [self._argument(need, request, given) for need in step.needs]

    def _argument(self, need: str, request: BaseModel, given: dict[str, Any]) -> Any:
        if need in self.values:
            return self._value(need)
        if need in given:
            return given[need]
        if need == "now":
            return self.now
        return request if need == "request" else getattr(request, need)

    def _value(self, name: str) -> Any:
        """A step's result; a fact is read anew for all but one consumer, so none sees another's changes."""
        codec = self.graph.by_name[name].codec
        if codec is None or len(self.graph.consumers[name]) == 1:
            return self.values[name]
        value = self.values[name]
        return value if value is None or type(value) in (str, int, float, bool) else codec.decode(self.texts[name])

    def fact_key(self, step: Step) -> str:
        """Digest of the task's fingerprint and its arguments; empty where there is no fingerprint."""
        fingerprint = self.usecase.fingerprints.get(step.name)
        if fingerprint is None:
            return ""
        parts = [
            self.intake.salt + fingerprint.encode(),
            *(self._argument_text(need) for need in step.needs if need not in UNKEYED),
        ]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def _argument_text(self, need: str) -> bytes:
        if need == "request":
            return self.intake.record.encode()
        if need == "now":
            return self.now.isoformat().encode()
        if need in self.texts:
            return self.texts[need].encode()
        if need in self.values:
            return digestible(need, self.values[need])
        return self.intake.live.__pydantic_serializer__.to_json(self.intake.live, include={need})
