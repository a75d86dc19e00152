"""Use cases that go wrong on request, as notebooks: every way a step can fail, hang or lie."""

from __future__ import annotations

SECRET = "admin:hunter2@internal-database"  # what an exception may say and no caller may read

TROUBLE = [
    ("markdown", "# Trouble\n\nFails where and how its request says."),
    (
        "export",
        f"""\
import math
import socket
import time
from typing import Any, Literal
from pydantic import BaseModel, computed_field
from chalicelib.usecase import Subject, task

SECRET = {SECRET!r}  # artemis: ignore[secret]

class Speechless(Exception):
    def __str__(self):
        raise RuntimeError(SECRET)

class Request(BaseModel):
    user_id: Subject
    mode: str = ""

class Decision(BaseModel):
    outcome: Literal["fine"]
    shaky: int | None = None
    total: float = 0
    parts: int = 1

    @computed_field
    @property
    def part(self) -> float:
        return 1 / self.parts

def misbehave(mode: str, place: str) -> None:
    how = mode.removeprefix(place + "-")
    if how == "raises":
        raise RuntimeError(SECRET)
    if how == "exits":
        raise SystemExit(3)
    if how == "interrupts":
        raise KeyboardInterrupt
    if how == "leaves":
        raise BaseException(SECRET)
    if how == "recurses":
        misbehave(mode, place)
    if how == "is-speechless":
        raise Speechless
    if how == "says-half-a-character":
        raise ValueError("\\ud83d")
    if how == "sleeps":
        time.sleep(60)  # artemis: ignore[clock]
    if how == "naps":
        time.sleep(1.2)  # artemis: ignore[clock]
    if how == "listens":
        pair = socket.socketpair()  # artemis: ignore[network]
        pair[0].recv(1)""",
    ),
    ("parameters", "unused: int = 1"),
    (
        "export",
        """\
@task
def seen(mode: str) -> str:
    return "before the trouble"

@task(timeout=0.4, fallback=None)
def shaky(mode: str) -> int | None:
    misbehave(mode, "shaky")
    return 1

@task
def needed(seen, mode: str) -> int:
    misbehave(mode, "needed")
    lies = {"needed-lies": "two", "needed-says-nan": math.nan, "needed-says-nul": "\\0", "needed-says-nothing": None}
    return lies.get(mode, 2)

@task(timeout=0.4)
def brief(seen, mode: str) -> int:
    misbehave(mode, "brief")
    return 3

def odd(mode: str) -> Any:
    odd_values = {
        "odd-infinite": math.inf,
        "odd-nan": math.nan,
        "odd-half-a-character": "\\ud83d",
        "odd-keys": {(1, 2): 3},
        "odd-mixed-set": {1, "a"},
    }
    return (n for n in (1, 2)) if mode == "odd-generator" else odd_values.get(mode, 1)

def logic(needed, mode: str) -> int:
    misbehave(mode, "logic")
    return needed + 1

def decide(logic, shaky, brief, odd, mode: str) -> Decision:
    misbehave(mode, "decide")
    if mode == "decide-nonsense":
        return Decision.model_construct(outcome="nonsense")
    if mode == "decide-none":
        return None
    if mode == "decide-infinite":
        return Decision(outcome="fine", total=math.inf)
    total = sum(odd) if mode == "odd-generator" else 0
    return Decision(outcome="fine", shaky=shaky, total=total, parts=0 if mode == "decide-divides" else 1)""",
    ),
]

QUEUE = [
    ("markdown", "# Queue\n\nOne task that never ends, and another that can wait."),
    (
        "export",
        """\
import time
from pydantic import BaseModel
from chalicelib.usecase import Subject, task

class Request(BaseModel):
    user_id: Subject

class Decision(BaseModel):
    stuck: bool
    patient: bool""",
    ),
    ("parameters", "unused: int = 1"),
    (
        "export",
        """\
@task(timeout=0.3, fallback=False)
def stuck(user_id: str) -> bool:
    time.sleep(60)
    return True

@task(timeout=3)
def patient(user_id: str) -> bool:
    return True

def decide(stuck, patient) -> Decision:
    return Decision(stuck=stuck, patient=patient)""",
    ),
]
