"""What the provider `google_vision` makes of what goes wrong: codes, attempts, deadlines; and what it does not tell."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import pytest
from vision_asking import EVERYTHING, blank, failure, within

from chalicelib.asking import ANY_TIME
from chalicelib.providers.google_vision import GoogleVision
from tests.emulators.faults import Delay, Fault, Garbage, Refuse, Reset, Status, WrongSchema
from tests.emulators.server import closed_port
from tests.emulators.vision import VisionEmulator


@pytest.fixture
def vision() -> Iterator[VisionEmulator]:
    with VisionEmulator() as running:
        running.canned = EVERYTHING
        yield running


@pytest.fixture
def provider(vision: VisionEmulator) -> GoogleVision:
    return GoogleVision({"endpoint": vision.url})


@pytest.mark.parametrize(
    ("fault", "code", "attempts"),
    [
        (Status(429), "throttled", 3),
        (Status(500), "server-error", 3),
        (Status(503), "unreachable", 3),
        (Refuse(), "unreachable", 3),
        (Reset(), "unreachable", 3),
        (Status(400), "refused", 1),
        (Status(401), "credentials", 1),
        (Status(403), "credentials", 1),
        (Status(404), "refused", 1),
        (Garbage(), "bad-answer", 1),
        (WrongSchema(), "bad-answer", 1),
    ],
)
def test_each_fault_has_a_code_and_only_what_may_pass_is_tried_again(
    vision: VisionEmulator, provider: GoogleVision, fault: Fault, code: str, attempts: int
) -> None:
    vision.faults.always(fault)
    error = failure(lambda: provider.labels(blank(), within(20)))
    assert (error.code, error.attempts, len(vision.calls)) == (code, attempts, attempts)
    assert "secret-project-42" not in str(error)


@pytest.mark.parametrize("fault", [Status(429), Status(500), Status(503), Refuse(), Reset()])
def test_what_passes_is_answered_and_the_attempts_are_told(
    vision: VisionEmulator, provider: GoogleVision, fault: Fault
) -> None:
    vision.faults.then(fault)
    answer = provider.labels(blank(), within(20))
    assert (answer.result[0].name, answer.attempts) == ("dog", 2)


def test_a_refused_connection_is_unreachable() -> None:
    error = failure(lambda: GoogleVision({"endpoint": closed_port()}).labels(blank(), within(20)))
    assert (error.code, error.attempts) == ("unreachable", 3)


def test_the_next_call_finds_a_server_that_came_back(vision: VisionEmulator, provider: GoogleVision) -> None:
    vision.faults.then(Refuse(), times=3)
    assert failure(lambda: provider.labels(blank(), within(20))).code == "unreachable"
    assert provider.labels(blank(), within(20)).result


def test_attempts_are_as_many_as_the_settings_say(vision: VisionEmulator) -> None:
    vision.faults.always(Status(429))
    provider = GoogleVision({"endpoint": vision.url, "attempts": 1})
    assert failure(lambda: provider.labels(blank(), within(20))).attempts == len(vision.calls) == 1


def test_it_waits_as_long_as_the_service_asks(vision: VisionEmulator, provider: GoogleVision) -> None:
    vision.faults.then(Status(429, retry_after=0.7))
    started = perf_counter()
    assert provider.labels(blank(), within(20)).attempts == 2
    assert perf_counter() - started >= 0.7


def test_it_does_not_wait_for_what_would_come_too_late(vision: VisionEmulator, provider: GoogleVision) -> None:
    vision.faults.always(Status(429, retry_after=30))
    started = perf_counter()
    error = failure(lambda: provider.labels(blank(), within(15)))
    assert (error.code, error.attempts) == ("throttled", 1)
    assert perf_counter() - started < 10


def test_nothing_is_waited_for_past_the_deadline(vision: VisionEmulator, provider: GoogleVision) -> None:
    vision.faults.always(Delay(30))
    started = perf_counter()
    assert failure(lambda: provider.labels(blank(), within(0.5))).code == "timeout"
    assert 0.4 < perf_counter() - started < 5


def test_retries_do_not_outlast_the_deadline_either(vision: VisionEmulator) -> None:
    """The library's own timeout would grow back to its full length in the last second."""
    provider = GoogleVision({"endpoint": vision.url, "timeout": 20})
    provider.labels(blank())  # the client is made
    vision.faults.then(Status(503))
    vision.faults.always(Delay(30))
    started = perf_counter()
    error = failure(lambda: provider.labels(blank(), within(0.9)))
    assert (error.code, error.attempts) == ("timeout", 2)
    assert perf_counter() - started < 10


def test_an_attempt_that_takes_too_long_is_followed_by_another(vision: VisionEmulator) -> None:
    vision.faults.then(Delay(30))
    provider = GoogleVision({"endpoint": vision.url, "timeout": 0.5})
    assert provider.labels(blank(), ANY_TIME).attempts == 2


def test_without_time_left_it_is_not_called(vision: VisionEmulator, provider: GoogleVision) -> None:
    error = failure(lambda: provider.labels(blank(), replace(ANY_TIME, until=perf_counter() - 1)))
    assert (error.code, error.attempts, vision.calls) == ("timeout", 0, [])


def test_neither_logs_nor_errors_hold_the_photo_or_what_the_service_said(
    vision: VisionEmulator, provider: GoogleVision, caplog: pytest.LogCaptureFixture
) -> None:
    library, photo = logging.getLogger("google"), blank()
    library.addHandler(caplog.handler)  # it does not propagate
    try:
        with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="google"):
            provider.labels(photo)
            vision.faults.always(Status(401))
            error = failure(lambda: provider.labels(photo))
    finally:
        library.removeHandler(caplog.handler)
    told = " ".join([caplog.text, str(error), *(str(vars(record)) for record in caplog.records)])
    assert base64.b64encode(photo.read()).decode()[:60] not in told
    assert error.__suppress_context__ and "secret-project-42" not in told
