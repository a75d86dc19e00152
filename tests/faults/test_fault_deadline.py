"""Nothing hangs past the deadline: not a slow cloud, nor one that dribbles, nor a client that ignores all bounds."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from time import monotonic, sleep
from typing import Any

import pytest
from faults_clouds import CLOUDS, Cloud
from faults_network import dribbling, full
from faults_project import BRIEF

from chalicelib.asking import Answer, Asking
from chalicelib.models import Moderation
from tests.emulators.faults import Delay, Status

DEADLINE = 0.8  # seconds, of the stage
TOO_LATE = DEADLINE + 1
STAGE = {"deadline": DEADLINE}
PATIENT = {"timeout": 30.0, "attempts": 3}


def check_in_time(seen: Any, deadline: float) -> None:
    """504 when time is up, and the call is stored as what it was."""
    assert seen.outcome == (504, "task-timeout", "asked")
    assert seen.seconds < deadline + 1
    (call,) = seen.calls()
    assert call["error"] == "timeout" and 0 < call["ms"] < (deadline + 1) * 1000
    seen.check_what_was_paid()


@pytest.mark.parametrize("cloud", CLOUDS, indirect=True)
def test_a_task_that_is_less_patient_than_its_provider_ends_in_its_own_time(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    cloud.always(Delay(10))
    seen = deciding(cloud, **PATIENT).decide("brief")
    check_in_time(seen, BRIEF)
    check_leaks(seen)


@pytest.mark.parametrize("cloud", CLOUDS, indirect=True)
def test_a_cloud_that_is_slower_than_everybody_has_patience_is_given_up_by_the_deadline(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    cloud.always(Delay(30))
    service = deciding(cloud, stage=STAGE, **PATIENT)
    seen = service.decide("needed")
    check_in_time(seen, DEADLINE)
    until = monotonic() + 5
    while service.api.service.engine.workers.hung:
        assert monotonic() < until, "the provider's thread outlives the deadline by far"
        sleep(0.02)
    check_leaks(seen)


@pytest.mark.parametrize("cloud", CLOUDS, indirect=True)
def test_an_answer_that_comes_byte_by_byte_does_not_outlast_the_deadline(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    with dribbling(cloud.emulator.port) as url:
        cloud.settings["endpoint"] = url
        seen = deciding(cloud, stage=STAGE, **PATIENT).decide("needed")
    check_in_time(seen, DEADLINE)
    check_leaks(seen)


@pytest.mark.parametrize("cloud", CLOUDS, indirect=True)
def test_an_address_that_takes_no_connection_and_refuses_none_is_given_up_by_the_deadline(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    with full() as url:
        cloud.settings["endpoint"] = url
        seen = deciding(cloud, stage=STAGE, **PATIENT).decide("needed")
    check_in_time(seen, DEADLINE)
    check_leaks(seen)


@pytest.mark.parametrize("cloud", ["vertex_ai", "bigquery"], indirect=True)
def test_a_token_server_that_hangs_does_not_outlast_the_deadline(deciding: Any, check_leaks: Any, cloud: Cloud) -> None:
    released = Event()
    cloud.instead_of_token(lambda request: (503, {}, {}) if released.wait(30) else None)
    seen = deciding(cloud, stage=STAGE, **PATIENT).decide("needed")
    released.set()
    check_in_time(seen, DEADLINE)
    assert cloud.requests == 0
    check_leaks(seen)


@pytest.mark.parametrize("cloud", ["google_vision", "vertex_ai", "bigquery", "http"], indirect=True)
def test_a_cloud_that_asks_for_more_patience_than_there_is_is_not_waited_for(
    deciding: Any, check_leaks: Any, cloud: Cloud
) -> None:
    cloud.always(Status(429, retry_after=20))
    seen = deciding(cloud, **PATIENT).decide("needed")
    assert (seen.outcome, seen.error()["error"]) == ((502, "task-failed", "asked"), "throttled")
    assert seen.seconds < 3  # of 6
    (call,) = seen.calls()
    assert (call.get("attempts", 1), cloud.requests) == (1, 1)
    seen.check_what_was_paid()
    check_leaks(seen)


class Deaf:
    """A provider that heeds neither time nor bounds."""

    MANAGED = True

    def __init__(self) -> None:
        self.released = Event()

    def moderation(self, photo: Any, asking: Asking) -> Answer:
        self.released.wait(30)
        return Answer(Moderation(scores={"nudity": 1.0}), "deaf", "1")


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    made = Deaf()
    yield made
    made.released.set()


@pytest.mark.parametrize("cloud", ["rekognition"], indirect=True)
def test_a_provider_that_ignores_every_bound_is_left_behind_at_the_deadline(
    deciding: Any, check_leaks: Any, cloud: Cloud, deaf: Deaf
) -> None:
    service = deciding(cloud, fakes={"rekognition": deaf}, stage=STAGE)
    needed, optional = service.decide("needed"), service.decide("optional")
    check_in_time(needed, DEADLINE)
    assert optional.outcome == (200, [{"task": "asked", "error": "timeout"}])
    assert optional.seconds < TOO_LATE
    check_leaks(needed, optional)


@pytest.mark.parametrize("cloud", ["rekognition"], indirect=True)
def test_one_that_ignores_every_bound_leaves_the_next_in_the_list_its_share_of_the_time(
    deciding: Any, check_leaks: Any, cloud: Cloud, deaf: Deaf
) -> None:
    service = deciding(cloud, chain=["deaf", "rekognition"], fakes={"deaf": deaf}, stage={"deadline": 2})
    seen = service.decide("needed")
    stand_in = {"capability": "moderation", "provider": "deaf", "answered_by": "rekognition"}
    assert seen.outcome == (200, [{"task": "asked", "error": "timeout", **stand_in}])
    assert seen.seconds < 3
    seen.check_what_was_paid()
    check_leaks(seen)
