"""Retries and deadlines of AWS calls: botocore's own policy, ended by what time is left, over a real socket."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import pytest
from aws_account import failure, fresh
from botocore.retries.standard import ExponentialBackoff

from chalicelib.asking import Asking
from chalicelib.providers.aws import AwsSettings, attempts, call, client
from tests.emulators.aws import Aws
from tests.emulators.faults import Delay, Fault, Garbage, Status

IMAGE = {"Bytes": b"a picture"}


@pytest.fixture
def aws(running: Aws) -> Aws:
    running = fresh(running)
    running.answers["DetectFaces"] = {"FaceDetails": []}
    return running


def rekognition(aws: Aws, **settings: Any) -> Any:
    return client("rekognition", AwsSettings(**{"endpoint": aws.url, "timeout": 30, **settings}))


def detect(client: Any, asking: Asking | None = None) -> dict[str, Any]:
    return call(client, "detect_faces", asking or Asking(), Image=IMAGE)


def within(seconds: float) -> Asking:
    return Asking(until=perf_counter() + seconds)


def test_what_is_throttled_once_is_asked_again(aws: Aws) -> None:
    aws.faults.then(Status(429))
    assert attempts(detect(rekognition(aws))) == 2
    assert aws.count("DetectFaces") == 2


def test_retries_end_after_as_many_attempts_as_the_settings_say(aws: Aws) -> None:
    aws.faults.always(Status(500))
    error = failure(detect, rekognition(aws, attempts=3))
    assert (error.code, error.attempts, len(aws.calls)) == ("server-error", 3, 3)


@pytest.mark.parametrize("fault", [Status(400), Status(403), Garbage()])
def test_what_would_fail_again_is_not_asked_again(aws: Aws, fault: Fault) -> None:
    aws.faults.always(fault)
    assert failure(detect, rekognition(aws)).attempts == 1
    assert len(aws.calls) == 1


def test_nothing_is_sent_when_no_time_is_left(aws: Aws) -> None:
    error = failure(detect, rekognition(aws), Asking(until=perf_counter() - 1))
    assert (error.code, error.attempts, aws.calls) == ("timeout", 0, [])


def test_a_retry_whose_backoff_would_outlast_the_deadline_is_not_begun(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 60.0)
    aws.faults.always(Status(429))
    started = perf_counter()
    error = failure(detect, rekognition(aws), within(20))
    assert (error.code, error.attempts, len(aws.calls)) == ("throttled", 1, 1)
    assert perf_counter() - started < 20


def test_a_retry_whose_backoff_ends_in_time_is_made(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.01)
    aws.faults.then(Status(429), times=2)
    assert attempts(detect(rekognition(aws), within(20))) == 3


def test_an_answer_is_waited_for_no_longer_than_there_is_time(aws: Aws) -> None:
    aws.faults.always(Delay(60))
    started = perf_counter()
    error = failure(detect, rekognition(aws, timeout=50), within(1))
    assert (error.code, error.attempts, len(aws.calls)) == ("timeout", 1, 1)
    assert perf_counter() - started < 20


class Fading(Asking):
    """Says each of these times as left, one after the other, and fails when it is asked once more."""

    __slots__ = ("lefts",)

    def __init__(self, *lefts: float) -> None:
        super().__init__()
        object.__setattr__(self, "lefts", list(lefts))

    def left(self) -> float:
        return self.lefts.pop(0)


def test_a_request_that_would_go_out_after_the_deadline_is_not_sent(aws: Aws) -> None:
    aws.faults.always(Status(500))
    fading = Fading(9, 9, 9, 0)  # at the call, at the first request, when a retry is decided on, when it is due
    error = failure(detect, rekognition(aws), fading)
    assert (error.code, error.attempts, len(aws.calls)) == ("timeout", 1, 1)


def test_a_deadline_is_that_of_its_call_alone(aws: Aws) -> None:
    asked = rekognition(aws)
    detect(asked, Fading(9, 9))
    assert asked.detect_faces(Image=IMAGE)["FaceDetails"] == []


def test_calls_at_once_have_their_own_deadlines_and_counts(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    class Always(Asking):
        """The same time is left whenever it is asked for."""

        def left(self) -> float:
            return self.until

    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda self, context: 0.8)
    aws.faults.always(Status(500))
    asked = rekognition(aws, attempts=2)
    askings = [Always(until=0.7), Always(until=30)] * 4
    with ThreadPoolExecutor(8) as threads:
        errors = list(threads.map(lambda asking: failure(detect, asked, asking), askings))
    assert [error.attempts for error in errors] == [1, 2] * 4
