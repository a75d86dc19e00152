"""A decision as everybody sees it: the caller, the store, and whoever reads the log; and what none of them may see."""

from __future__ import annotations

import base64
import io
import json
import random
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any

from faults_clouds import SECRETS
from PIL import Image

from tests.api.api_client import InProcess, Reply, stored


@cache
def photo() -> bytes:
    """A PNG of noise, so that no piece of it occurs anywhere by chance."""
    pixels = random.Random(7).randbytes(40 * 40 * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", (40, 40), pixels).save(file, "PNG")
    return file.getvalue()


def request() -> dict[str, Any]:
    """What all of the use cases are asked."""
    return {"user_id": "u-1", "photo": {"base64": base64.b64encode(photo()).decode()}}


@cache
def pieces() -> tuple[str, ...]:
    """The photo's content in every form in which a message might show it, piece by piece."""
    data = photo()
    whole = base64.b64encode(data).decode()
    encoded = [whole[start : start + 24] for start in range(0, len(whole) - 24, 24)]
    raw = [data[start : start + 12] for start in range(0, len(data) - 12, 12)]
    return (*encoded, *(piece.hex() for piece in raw), *(repr(piece)[2:-1] for piece in raw))


@dataclass(frozen=True)
class Seen:
    """One decision: what the caller got, after how many seconds, and what is stored of it."""

    reply: Reply
    seconds: float
    decision: dict[str, Any]
    facts: dict[str, dict[str, Any]]
    trace: dict[str, Any]

    @property
    def outcome(self) -> Any:
        """The status, and the problem's code or what degraded the decision."""
        body = self.reply.json
        if self.reply.status == 200:
            return 200, body["degraded"]
        self.reply.problem(self.reply.status, body["type"].rpartition(":")[2])
        return self.reply.status, body["type"].rpartition(":")[2], body["step"]

    def calls(self, task: str = "asked") -> list[dict[str, Any]]:
        """The calls of a task, as they are stored."""
        found: list[dict[str, Any]] = json.loads(self.facts[task]["calls"])
        return found

    def traced(self, task: str = "asked") -> list[dict[str, Any]]:
        """The calls of a task, as the trace shows them."""
        found: list[dict[str, Any]] = next(step["calls"] for step in self.trace["steps"] if step["step"] == task)
        return found

    def error(self) -> Any:
        """The stored error of the task in trouble; None where it has a result of its own."""
        text = self.facts["asked"]["error"]
        return json.loads(text) if text else None

    def check_what_was_paid(self) -> None:
        """The steady task's result and its call are stored, with what it cost, whatever happened beside it."""
        beside = self.facts["beside"]
        (call,) = self.calls("beside")
        assert (json.loads(beside["output"]), beside["error"], beside["provider"]) == (1.0, None, "beside")
        assert (call["capability"], call.get("asked"), "error" in call) == ("predict", "beside", False)
        assert call.get("attempts", 1) == 1 and call["ms"] > 0
        (traced,) = self.traced("beside")
        assert traced["cost"]["estimate"] == 0.25
        assert self.trace["cost"]["estimate"] >= 0.25

    def texts(self) -> str:
        """Everything that is answered and stored, as text."""
        return "\n".join([self.reply.content.decode(), *map(repr, (self.decision, self.facts, self.trace))])


@dataclass
class Deciding:
    """A service of the small use cases, asked through the app."""

    api: InProcess
    kind: str

    def decide(self, use: str) -> Seen:
        started = perf_counter()
        reply = self.api.decide(f"{self.kind}-{use}", request())
        seconds = perf_counter() - started
        body = reply.json
        identifier = body.get("id") or body.get("decision_id")
        assert identifier, body
        decision, facts = stored(self.api.database, identifier)
        again = self.api.get(f"/v1/decisions/{identifier}", {"include": ["trace"]})
        return Seen(reply, seconds, decision, {fact["task"]: fact for fact in facts}, again.json["trace"])


def check_nothing_leaks(*texts: str) -> None:
    """No secret and no piece of the photo is in what anybody can read."""
    text = "\n".join(texts)
    found = [secret for secret in (*SECRETS, *pieces()) if secret in text]
    assert not found, f"{found[:3]} in {next(line for line in text.splitlines() if found[0] in line)[:500]}"
