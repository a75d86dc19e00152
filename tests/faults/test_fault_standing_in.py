"""Another provider in the place of the one in trouble; and one that is left alone for a while."""

from __future__ import annotations

import time
from typing import Any

import pytest
from faults_clouds import CLOUDS, Cloud

from tests.emulators.faults import Delay, Fault, Garbage, Reset, Status

FAULTS: dict[str, tuple[Fault, str]] = {
    "late": (Delay(1.5), "timeout"),
    "reset": (Reset(), "unreachable"),
    "throttled": (Status(429, retry_after=30), "throttled"),
    "failing": (Status(500), "server-error"),
    "garbage": (Garbage(), "bad-answer"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("cloud", CLOUDS, indirect=True)
def test_the_second_of_a_list_answers_for_the_first_and_that_is_told(
    deciding: Any, check_leaks: Any, cloud: Cloud, fault: str
) -> None:
    trouble, code = FAULTS[fault]
    cloud.then(trouble)
    timeout = {"timeout": 0.3} if code == "timeout" else {}
    seen = deciding(cloud, chain=[cloud.provider, "second"], attempts=1, **timeout).decide("needed")
    stand_in = {"capability": cloud.kind, "provider": cloud.provider, "answered_by": "second"}
    assert seen.outcome == (200, [{"task": "asked", "error": code, **stand_in}])
    assert [(call["provider"], call.get("error")) for call in seen.calls()] == [
        (cloud.provider, code),
        ("second", None),
    ]
    assert all(call.get("attempts", 1) == 1 for call in seen.calls())
    assert seen.error() is None
    seen.check_what_was_paid()
    check_leaks(seen)


@pytest.mark.parametrize("cloud", CLOUDS, indirect=True)
def test_when_all_of_a_list_fail_the_last_ones_error_counts_and_every_call_is_stored(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    made = []
    for use in ("needed", "optional"):
        cloud.then(Status(429))
        cloud.then(Garbage())
        made.append(deciding(cloud, chain=[cloud.provider, "second"], attempts=1).decide(use))
    needed, optional = made
    assert needed.outcome == (502, "task-failed", "asked")
    assert optional.outcome == (200, [{"task": "asked", "error": "bad-answer"}])
    for seen in made:
        calls = [(call["provider"], call["error"]) for call in seen.calls()]
        assert calls == [(cloud.provider, "throttled"), ("second", "bad-answer")]
        seen.check_what_was_paid()
    check_leaks(*made)


@pytest.mark.parametrize("cloud", CLOUDS, indirect=True)
def test_who_fails_again_and_again_is_left_alone_which_costs_no_time(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    service = deciding(cloud, attempts=1, timeout=0.3, breaker={"failures": 2, "seconds": 60})
    cloud.always(Delay(2))
    failed = [service.decide("needed") for _ in range(2)]
    assert [seen.error()["error"] for seen in failed] == ["timeout"] * 2
    asked = cloud.requests
    needed, optional = service.decide("needed"), service.decide("optional")
    assert needed.outcome == (502, "task-failed", "asked")
    assert optional.outcome == (200, [{"task": "asked", "error": "circuit-open"}])
    assert cloud.requests == asked
    for seen in (needed, optional):
        (call,) = seen.calls()
        assert (call["error"], call["attempts"]) == ("circuit-open", 0)
        assert call["ms"] < 200 < failed[0].calls()[0]["ms"]
        seen.check_what_was_paid()
    check_leaks(needed, optional)


@pytest.mark.parametrize("cloud", ["http"], indirect=True)
def test_who_was_left_alone_is_asked_again_after_a_while(deciding: Any, cloud: Cloud) -> None:
    service = deciding(cloud, attempts=1, breaker={"failures": 1, "seconds": 1})
    cloud.then(Status(500))
    assert service.decide("needed").error()["error"] == "server-error"
    seen = service.decide("needed")
    if not seen.error():
        pytest.fail("it was asked at once")
    until = time.monotonic() + 10
    while seen.outcome != (200, []) and time.monotonic() < until:
        assert seen.error()["error"] == "circuit-open"
        time.sleep(0.2)
        seen = service.decide("needed")
    assert (seen.outcome, cloud.requests) == ((200, []), 2)
