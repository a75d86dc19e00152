"""What tasks of a decision ask of Vision about one photo at once is one call, and none waits past its own deadline."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import perf_counter
from typing import Any

import pytest
from vision_asking import EVERYTHING, at_once, blank, within

from chalicelib.errors import ProviderError
from chalicelib.photo import Photo
from chalicelib.providers.google_vision import GoogleVision
from chalicelib.providers.vision_batch import Batches
from tests.emulators.faults import Delay, Status
from tests.emulators.vision import VisionEmulator

LONG = 100  # milliseconds of a window that nobody misses, on a busy machine either


@pytest.fixture
def vision() -> Iterator[VisionEmulator]:
    with VisionEmulator() as running:
        running.canned = EVERYTHING
        yield running


@pytest.fixture
def provider(vision: VisionEmulator) -> GoogleVision:
    made = GoogleVision({"endpoint": vision.url, "window_ms": LONG})
    made.labels(blank(3, 3))  # the client is made
    vision.calls.clear()
    return made


@pytest.fixture
def photo() -> Photo:
    return blank()


def features(vision: VisionEmulator) -> list[list[str]]:
    return [sorted(call["features"]) for call in vision.calls]


def test_three_capabilities_at_once_are_one_call_and_each_gets_its_part(
    vision: VisionEmulator, provider: GoogleVision, photo: Photo
) -> None:
    asks = [
        partial(ask, photo, within(20, company=3)) for ask in (provider.moderation, provider.faces, provider.labels)
    ]
    moderation, faces, labels = at_once(asks)
    assert moderation.result.score("nudity") == 0.05
    assert faces.result[0].confidence == 0.9
    assert labels.result[0].name == "dog"
    assert {answer.units for answer in (moderation, faces, labels)} == {1}
    assert features(vision) == [["FACE_DETECTION", "LABEL_DETECTION", "SAFE_SEARCH_DETECTION"]]


def test_company_that_asks_something_else_is_waited_for_no_longer_than_the_window(
    vision: VisionEmulator, provider: GoogleVision, photo: Photo
) -> None:
    asks = [partial(ask, photo, within(20, company=9)) for ask in (provider.faces, provider.labels)]
    assert [len(answer.result) for answer in at_once(asks)] == [1, 1]
    assert features(vision) == [["FACE_DETECTION", "LABEL_DETECTION"]]


def test_a_full_batch_does_not_wait_for_its_window(vision: VisionEmulator, provider: GoogleVision) -> None:
    started = perf_counter()
    for side in range(10, 20):
        at_once([partial(ask, blank(side, side), within(20, company=2)) for ask in (provider.faces, provider.labels)])
    assert perf_counter() - started < 10 * LONG / 1000
    assert len(vision.calls) == 10


def test_who_is_alone_waits_for_nobody(vision: VisionEmulator, provider: GoogleVision, photo: Photo) -> None:
    started = perf_counter()
    for _ in range(10):
        provider.faces(photo, within(20))
    assert perf_counter() - started < 10 * LONG / 1000
    at_once([partial(provider.faces, photo, within(20)), partial(provider.labels, photo, within(20))])
    assert features(vision)[10:] in (
        [["FACE_DETECTION"], ["LABEL_DETECTION"]],
        [["LABEL_DETECTION"], ["FACE_DETECTION"]],
    )


def test_without_a_window_every_question_is_a_call(vision: VisionEmulator, photo: Photo) -> None:
    provider = GoogleVision({"endpoint": vision.url, "window_ms": 0})
    at_once([partial(ask, photo, within(20, company=2)) for ask in (provider.faces, provider.labels)])
    assert len(vision.calls) == 2


def test_two_photos_are_two_calls(vision: VisionEmulator, provider: GoogleVision) -> None:
    asks = [partial(provider.faces, photo, within(20, company=2)) for photo in (blank(10, 10), blank(20, 20))]
    assert len(at_once(asks)) == len(vision.calls) == 2


def test_the_same_question_twice_is_asked_once(vision: VisionEmulator, provider: GoogleVision, photo: Photo) -> None:
    one, two = at_once([partial(provider.faces, photo, within(20, company=2))] * 2)
    assert one.result == two.result != []
    assert features(vision) == [["FACE_DETECTION"]]


def test_the_next_question_after_a_batch_opens_a_new_one(
    vision: VisionEmulator, provider: GoogleVision, photo: Photo
) -> None:
    for _ in range(2):
        at_once([partial(ask, photo, within(20, company=2)) for ask in (provider.faces, provider.labels)])
    assert features(vision) == [["FACE_DETECTION", "LABEL_DETECTION"]] * 2


@pytest.mark.parametrize("seconds", [(0.4, 20), (20, 0.4)])
def test_who_is_impatient_gives_up_in_time_and_the_others_get_their_answer(
    vision: VisionEmulator, provider: GoogleVision, photo: Photo, seconds: tuple[float, float]
) -> None:
    vision.faults.always(Delay(1.5))
    took = [0.0, 0.0]

    def timed(place: int, ask: Any) -> Any:
        started = perf_counter()
        try:
            return ask(photo, within(seconds[place], company=2))
        finally:
            took[place] = perf_counter() - started

    results = at_once([partial(timed, 0, provider.faces), partial(timed, 1, provider.labels)], apart=0.02)
    hasty, patient = sorted((0, 1), key=lambda place: seconds[place])
    assert isinstance(results[hasty], ProviderError)
    assert (results[hasty].code, results[hasty].attempts) == ("timeout", 1)
    assert took[hasty] < 1.3
    assert len(results[patient].result) == 1
    assert len(vision.calls) == 1


def test_a_failure_of_the_call_is_everybodys_with_its_code_and_attempts(
    vision: VisionEmulator, provider: GoogleVision, photo: Photo
) -> None:
    vision.faults.always(Status(429))
    asks = [partial(ask, photo, within(20, company=3)) for ask in (provider.faces, provider.labels, provider.text)]
    failures = at_once(asks)
    assert [(failed.code, failed.attempts) for failed in failures] == [("throttled", 3)] * 3
    assert len({id(failed) for failed in failures}) == 3
    assert len(vision.calls) == 3


def test_who_has_no_time_left_is_not_part_of_a_call(
    vision: VisionEmulator, provider: GoogleVision, photo: Photo
) -> None:
    asks = [
        partial(provider.faces, photo, within(20, company=2)),
        partial(provider.labels, photo, within(0, company=2)),
    ]
    faces, late = at_once(asks, apart=0.02)
    assert len(faces.result) == 1
    assert (late.code, late.attempts) == ("timeout", 0)
    assert features(vision) == [["FACE_DETECTION"]]


def test_a_mistake_in_whoever_calls_leaves_nobody_waiting(photo: Photo) -> None:
    def send(photo: Photo, wanted: frozenset[str], until: float) -> str:
        raise ValueError("a mistake")

    batches = Batches(send, window=LONG / 1000)
    until = perf_counter() + 20
    results = at_once([partial(batches.ask, photo, want, until, 3) for want in ("faces", "labels", "text")])
    kinds = sorted(type(result).__name__ for result in results)
    assert kinds == ["ProviderError", "ProviderError", "ValueError"]


def test_a_photo_that_cannot_be_read_is_of_its_own_kind_to_everybody(photo: Photo) -> None:
    class PhotoError(ProviderError):
        pass

    def send(photo: Photo, wanted: frozenset[str], until: float) -> str:
        raise PhotoError("not there", code="refused", attempts=0)

    batches = Batches(send, window=LONG / 1000)
    until = perf_counter() + 20
    one, two = at_once([partial(batches.ask, photo, want, until, 2) for want in ("faces", "labels")])
    assert (type(one), one.code, one.attempts, str(one)) == (PhotoError, "refused", 0, "not there")
    assert (type(two), two.code, two.attempts, str(two)) == (PhotoError, "refused", 0, "not there")


def test_many_threads_and_photos_get_each_what_is_theirs() -> None:
    def send(photo: Photo, wanted: frozenset[str], until: float) -> tuple[str, frozenset[str]]:
        return photo.digest, wanted

    batches = Batches(send, window=0.002)
    photos = [blank(side, 10) for side in range(1, 5)]
    until = perf_counter() + 30

    def ask(photo: Photo, want: str) -> bool:
        return all(
            digest == photo.digest and want in wanted
            for digest, wanted in (batches.ask(photo, want, until, 3) for _ in range(50))
        )

    asks = [partial(ask, photo, want) for photo in photos for want in ("faces", "labels", "text")]
    assert at_once(asks) == [True] * 12
    assert not batches._open
