"""What a caller gets for each fault of each provider, and that what was paid for is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from faults_clouds import Cloud

from tests.emulators.faults import Delay, Garbage, Refuse, Reset, Status, WrongSchema
from tests.emulators.server import closed_port

# fault -> provider -> the error's code and how often the provider was asked for it, at most twice by its settings.
# "decided" stands where the second attempt, or waiting for nothing, makes a decision of it.
TABLE = """
                  rekognition    google_vision  sagemaker      vertex_ai      bigquery       http
late              timeout/2      timeout/2      timeout/2      timeout/2      timeout/1      timeout/1
refused           unreachable/2  unreachable/2  unreachable/2  unreachable/2  unreachable/2  unreachable/2
reset-at-once     unreachable/2  unreachable/2  unreachable/2  unreachable/2  unreachable/2  unreachable/2
reset-midway      unreachable/2  unreachable/2  unreachable/1  unreachable/2  unreachable/2  unreachable/2
reset-once        decided/2      decided/2      decided/2      decided/2      decided/2      decided/2
throttled         throttled/2    throttled/2    throttled/2    throttled/2    throttled/2    throttled/2
throttled-once    decided/2      decided/2      decided/2      decided/2      decided/2      decided/2
throttled-long    throttled/2    throttled/1    throttled/2    throttled/1    throttled/1    throttled/1
failing           server-error/2 server-error/2 server-error/2 server-error/2 server-error/2 server-error/1
garbage           bad-answer/1   bad-answer/1   bad-answer/1   bad-answer/1   bad-answer/1   bad-answer/1
wrong-schema      bad-answer/1   bad-answer/1   bad-answer/1   bad-answer/1   bad-answer/1   bad-answer/1
wrong-types       bad-answer/1   bad-answer/1   bad-answer/1   bad-answer/1   bad-answer/1   bad-answer/1
expired           credentials/1  credentials/1  credentials/1  credentials/1  credentials/1  credentials/1
"""
TIMEOUT = 0.3  # seconds, of the provider where it is late
LATE = 1.5
DEADLINE = 6  # seconds, of the stage
ARM: dict[str, Callable[[Cloud], None]] = {
    "late": lambda cloud: cloud.always(Delay(LATE)),
    "refused": lambda cloud: cloud.settings.update(endpoint=closed_port()),
    "reset-at-once": lambda cloud: cloud.always(Refuse()),
    "reset-midway": lambda cloud: cloud.always(Reset()),
    "reset-once": lambda cloud: cloud.then(Refuse()),
    "throttled": lambda cloud: cloud.always(Status(429)),
    "throttled-once": lambda cloud: cloud.then(Status(429, retry_after=0.1)),
    "throttled-long": lambda cloud: cloud.always(Status(429, retry_after=60)),
    "failing": lambda cloud: cloud.always(Status(500)),
    "garbage": lambda cloud: cloud.always(Garbage()),
    "wrong-schema": lambda cloud: cloud.always(WrongSchema()),
    "wrong-types": lambda cloud: cloud.mistyped(),
    "expired": lambda cloud: cloud.always(Status(401)),
}


def cases() -> list[Any]:
    head, *rows = TABLE.strip().splitlines()
    found = []
    for row in rows:
        fault, *cells = row.split()
        for provider, cell in zip(head.split(), cells, strict=True):
            code, attempts = cell.split("/")
            found.append(pytest.param(provider, fault, code, int(attempts), id=f"{provider}-{fault}-{cell}"))
    return found


@pytest.mark.parametrize(("cloud", "fault", "code", "attempts"), cases(), indirect=["cloud"])
def test_a_fault_ends_as_the_table_says_and_what_was_paid_is_stored(
    deciding: Any, check_leaks: Any, cloud: Cloud, beside: Any, fault: str, code: str, attempts: int
) -> None:
    made, timeout = [], {"timeout": TIMEOUT} if fault == "late" else {}
    for number, use in enumerate(("needed", "optional"), 1):
        ARM[fault](cloud)
        before = cloud.requests
        seen = deciding(cloud, **timeout).decide(use)
        assert seen.outcome == expected(code, use)
        assert seen.seconds < DEADLINE + 1
        (call,) = seen.calls()
        assert (call["provider"], call.get("error"), call.get("attempts", 1)) == (cloud.provider, known(code), attempts)
        assert call.items() <= seen.traced()[0].items()
        assert call["ms"] > 0 and (seen.error() or {}).get("error") == known(code)
        assert cloud.requests - before == arriving(cloud, fault, attempts)
        seen.check_what_was_paid()
        assert len(beside.calls) == number
        made.append(seen)
        cloud.emulator.faults.clear()
    check_leaks(*made)


def arriving(cloud: Cloud, fault: str, attempts: int) -> int:
    """How many requests reach the cloud."""
    if fault == "refused":
        return 0
    # google-auth itself asks again with a new token: to the one who asked, that is one attempt
    return 2 if fault == "expired" and cloud.provider in ("vertex_ai", "bigquery") else attempts


def known(code: str) -> str | None:
    """The error that is stored."""
    return None if code == "decided" else code


def expected(code: str, use: str) -> Any:
    """What the caller gets."""
    if code == "decided":
        return 200, []
    if use == "optional":
        return 200, [{"task": "asked", "error": code}]
    return (504, "task-timeout", "asked") if code == "timeout" else (502, "task-failed", "asked")
