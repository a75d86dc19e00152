"""A client that never comes back: what that costs those who ask after it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Thread
from time import perf_counter, sleep
from typing import Any

import pytest
from faults_clouds import MARKER, Cloud
from faults_network import dribbling
from faults_seen import request

from chalicelib.asking import Answer, Asking
from chalicelib.calling.ledger import Ledger
from chalicelib.errors import DecisionFailed, ProviderError
from chalicelib.models import Moderation
from chalicelib.service import LOCAL_CLIENT

BODY = json.dumps(request())
DEADLINE = 0.8  # seconds, of the stage


class Deaf:
    """A provider whose first ``hanging`` calls heed neither time nor bounds."""

    MANAGED = True

    def __init__(self, hanging: int = 99) -> None:
        self.released, self.hanging, self.asked = Event(), hanging, 0

    def moderation(self, photo: Any, asking: Asking) -> Answer:
        self.asked += 1
        if self.asked <= self.hanging:
            self.released.wait(30)
        return Answer(Moderation(scores={"nudity": 1.0}), "deaf", "1")


@pytest.fixture
def deaf() -> Iterator[Deaf]:
    made = Deaf()
    yield made
    made.released.set()


def suppress_failure(service: Any) -> None:
    with suppress(DecisionFailed):
        service.decide(LOCAL_CLIENT, "moderation_needed", BODY)


def service_of(deciding: Any, cloud: Cloud, deaf: Deaf, **settings: Any) -> Any:
    return deciding(cloud, fakes={"rekognition": deaf}, stage={"deadline": DEADLINE}, **settings)


@pytest.mark.parametrize("cloud", ["rekognition"], indirect=True)
def test_the_same_question_asked_again_does_not_wait_for_the_one_that_hangs(
    deciding: Any, cloud: Cloud, deaf: Deaf
) -> None:
    deaf.hanging = 1
    service = service_of(deciding, cloud, deaf)
    assert service.decide("needed").outcome == (504, "task-timeout", "asked")
    assert service.decide("needed").outcome == (200, [])


@pytest.mark.parametrize("cloud", ["rekognition", "sagemaker"], indirect=True)
def test_nor_for_a_real_client_that_a_dribbling_answer_keeps(deciding: Any, cloud: Cloud) -> None:
    with dribbling(cloud.emulator.port, connections=1) as url:
        cloud.settings["endpoint"] = url
        service = deciding(cloud, stage={"deadline": DEADLINE}, timeout=30.0)
        assert service.decide("needed").outcome == (504, "task-timeout", "asked")
        assert service.decide("needed").outcome == (200, [])


@pytest.mark.parametrize("cloud", ["rekognition"], indirect=True)
def test_who_joined_a_call_that_hangs_asks_for_itself_in_the_time_that_is_left(
    deciding: Any, cloud: Cloud, deaf: Deaf
) -> None:
    deaf.hanging = 1
    service = service_of(deciding, cloud, deaf).api.service
    first = Thread(target=lambda: suppress_failure(service))
    first.start()
    sleep(DEADLINE / 2)
    made = service.decide(LOCAL_CLIENT, "moderation_optional", BODY)
    first.join(10)
    (fact,) = [fact for fact in service.store().results(made.id) if fact["task"] == "asked"]
    calls = json.loads(fact["calls"])
    assert '"degraded":[]' in made.envelope
    assert [(call.get("shared", False), call.get("error")) for call in calls] == [(True, "timeout"), (False, None)]


@pytest.mark.parametrize("cloud", ["rekognition"], indirect=True)
def test_calls_that_never_end_count_as_failures_of_their_provider(deciding: Any, cloud: Cloud, deaf: Deaf) -> None:
    service = service_of(deciding, cloud, deaf, breaker={"failures": 2, "seconds": 60})
    for _ in range(2):
        assert service.decide("optional").outcome == (200, [{"task": "asked", "error": "timeout"}])
    assert service.decide("optional").outcome == (200, [{"task": "asked", "error": "circuit-open"}])


@pytest.mark.parametrize("cloud", ["http"], indirect=True)
def test_who_has_no_time_left_to_ask_says_nothing_against_a_provider(deciding: Any, cloud: Cloud) -> None:
    service = deciding(cloud, breaker={"failures": 2, "seconds": 60})
    models = service.api.service.engine.models(Asking(until=perf_counter()), Ledger())
    for _ in range(2):
        with pytest.raises(ProviderError) as late:
            models.predict("asked", {"x": 1.0})
        assert (late.value.code, late.value.attempts, cloud.requests) == ("timeout", 0, 0)
    assert service.decide("needed").outcome == (200, [])


@pytest.mark.parametrize("cloud", ["rekognition"], indirect=True)
def test_who_finds_no_place_because_of_one_that_hangs_is_told_by_the_deadline(
    deciding: Any, check_leaks: Any, cloud: Cloud, deaf: Deaf
) -> None:
    service = service_of(deciding, cloud, deaf, concurrency=1)
    made = [service.decide("needed") for _ in range(2)]
    for seen in made:
        assert seen.outcome in ((504, "task-timeout", "asked"), (502, "task-failed", "asked"))
        assert seen.error()["error"] in ("timeout", "busy")  # whichever comes first: both are due at the deadline
        assert seen.seconds < DEADLINE + 1
        seen.check_what_was_paid()
    assert deaf.asked == 1  # the other got no place
    check_leaks(*made)


@pytest.mark.parametrize("where", ["rekognition", "google_vision", "vertex_ai", "bigquery", "http"])
def test_a_secret_in_an_endpoint_is_not_shown(deciding: Any, check_leaks: Any, make_cloud: Any, where: str) -> None:
    cloud = make_cloud(where)
    cloud.settings["endpoint"] = f"https://user:{MARKER}@127.0.0.1:9"
    seen = deciding(cloud).decide("needed")
    if where != "rekognition":  # botocore takes it, and finds nobody there
        assert (seen.error()["error"], seen.calls()[0]["attempts"]) == ("not-configured", 0)
    seen.check_what_was_paid()
    check_leaks(seen)
