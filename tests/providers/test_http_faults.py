"""The provider `http`: what goes wrong on the way, and what is never asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import pytest
from http_asking import LINEAR, failure, of_kserve, provider, small_photo

from chalicelib.asking import Asking
from chalicelib.photo import Photo
from chalicelib.providers.http import Http
from tests.emulators.faults import Delay, Fault, Garbage, Refuse, Reset, Status, Version, WrongSchema
from tests.emulators.kserve import KServe
from tests.emulators.server import closed_port


@pytest.fixture
def kserve() -> Iterator[KServe]:
    with KServe() as running:
        yield running


@pytest.fixture
def photo() -> Photo:
    return small_photo()


@dataclass(frozen=True)
class Case:
    fault: Fault
    code: str
    attempts: int


CASES = [
    Case(Refuse(), "unreachable", 3),
    Case(Reset(), "unreachable", 3),
    Case(Status(429), "throttled", 3),
    Case(Status(429, retry_after=60), "throttled", 1),  # later than anybody waits
    Case(Status(503, retry_after=0), "server-error", 3),
    Case(Status(502), "server-error", 3),
    Case(Status(504), "server-error", 3),
    Case(Status(500), "server-error", 1),
    Case(Status(401), "credentials", 1),
    Case(Status(403), "credentials", 1),
    Case(Status(400), "refused", 1),
    Case(Status(404), "refused", 1),
    Case(Status(301), "bad-answer", 1),
    Case(Garbage(), "bad-answer", 1),
    Case(WrongSchema(), "bad-answer", 1),
]
CALLS: dict[str, Callable[[Http, Photo], Any]] = {
    "plain": lambda asked, photo: asked.predict("plain", [{"age": 1}]),
    "kserve": lambda asked, photo: asked.predict("linear", [{"age": 1, "visits": 1}]),
    "moderation": lambda asked, photo: asked.moderation(photo),
    "embedding": lambda asked, photo: asked.embedding(["a"]),
}
OF_ANY = (Reset, Garbage, WrongSchema)  # faults that every protocol has to notice for itself


@pytest.mark.parametrize(
    ("case", "call"),
    [(case, call) for call in CALLS for case in CASES if call == "plain" or isinstance(case.fault, OF_ANY)],
    ids=str,
)
def test_a_fault_becomes_a_code_after_as_many_attempts_as_may_mend_it(
    kserve: KServe, photo: Photo, case: Case, call: str
) -> None:
    asked = provider(kserve.url)
    kserve.faults.always(case.fault)
    error = failure(lambda: CALLS[call](asked, photo))
    assert (error.code, error.attempts, len(kserve.calls)) == (case.code, case.attempts, case.attempts)
    assert "provider_settings.http." in str(error) and "as the test wants it" not in str(error)
    kserve.faults.clear()
    assert CALLS[call](asked, photo).attempts == 1


def test_a_connection_that_is_refused_is_tried_again(photo: Photo) -> None:
    error = failure(lambda: provider(closed_port()).moderation(photo))
    assert (error.code, error.attempts) == ("unreachable", 3)


@pytest.mark.parametrize("fault", [Refuse(), Reset(), Status(503), Status(429, retry_after=0.1)], ids=str)
def test_an_attempt_that_works_ends_the_trying(kserve: KServe, fault: Fault) -> None:
    kserve.faults.then(fault)
    started = perf_counter()
    answer = provider(kserve.url).predict("plain", [{"age": 1}])
    assert (answer.result[0].value, answer.attempts, len(kserve.calls)) == (1, 2, 2)
    if isinstance(fault, Status) and fault.retry_after:
        assert perf_counter() - started >= fault.retry_after


def test_a_late_answer_is_a_timeout_and_not_tried_again(kserve: KServe) -> None:
    kserve.faults.always(Delay(20))
    started = perf_counter()
    error = failure(lambda: provider(kserve.url, timeout=0.3).predict("plain", [{"age": 1}]))
    assert (error.code, error.attempts) == ("timeout", 1)
    assert perf_counter() - started < 5


def test_the_asking_bounds_a_call_below_the_providers_own_timeout(kserve: KServe) -> None:
    asked = provider(kserve.url, timeout=60, attempts=10)
    kserve.faults.always(Status(503, retry_after=0.2))
    started = perf_counter()
    error = failure(lambda: asked.predict("plain", [{"age": 1}], Asking(until=perf_counter() + 0.7)))
    assert error.code in ("server-error", "timeout") and error.attempts <= 4
    assert perf_counter() - started < 5


def test_nobody_is_asked_when_no_time_is_left(kserve: KServe) -> None:
    error = failure(lambda: provider(kserve.url).predict("plain", [{"age": 1}], Asking(until=perf_counter())))
    assert (error.code, error.attempts, kserve.calls) == ("timeout", 0, [])


def test_a_version_that_changes_is_reported(kserve: KServe) -> None:
    asked = provider(kserve.url)
    kserve.faults.then(Version("2"), times=2)
    assert asked.predict("linear", [{"age": 1, "visits": 1}]).version == "2"
    assert asked.predict("plain", [{"age": 1}]).version == "2"
    assert asked.predict("plain", [{"age": 1}]).version == "1"


def test_another_version_than_the_one_asked_for_is_a_mismatch(kserve: KServe) -> None:
    asked = of_kserve(kserve.url, LINEAR, model="linear", version="1")
    kserve.faults.then(Version("2"))
    assert failure(lambda: asked.predict("m", [{"age": 1, "visits": 1}])).code == "model-mismatch"


def test_what_is_not_configured_is_not_asked_for(photo: Photo) -> None:
    asked = Http({})
    for call in (lambda: asked.predict("fraud", [{}]), lambda: asked.moderation(photo), lambda: asked.embedding(["a"])):
        error = failure(call)
        assert (error.code, error.attempts) == ("not-configured", 0)


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        ("FP64", "1"), ("FP64", None), ("FP64", math.nan), ("FP32", math.inf), ("INT8", 128), ("INT8", 1.0),
        ("INT64", "1"), ("UINT8", -1), ("UINT16", 65536), ("BYTES", 1), ("BOOL", 1),
    ],
)  # fmt: skip
def test_a_feature_that_does_not_fit_its_tensor_is_refused_unasked(kserve: KServe, datatype: str, value: Any) -> None:
    asked = of_kserve(kserve.url, {"inputs": [{"name": "x", "datatype": datatype}]}, model="linear")
    error = failure(lambda: asked.predict("m", [{"x": value}]))
    assert (error.code, error.attempts, kserve.calls) == ("refused", 0, [])
    assert "feature 'x' is no" in str(error)


@pytest.mark.parametrize("item", [{"age": 1}, {"age": 1, "visits": 1, "vists": 1}, {}])
def test_features_that_lack_a_column_or_have_one_too_many_are_refused_unasked(
    kserve: KServe, item: dict[str, Any]
) -> None:
    error = failure(lambda: provider(kserve.url).predict("linear", [item]))
    assert (error.code, kserve.calls) == ("refused", [])


def test_the_item_of_several_that_does_not_fit_is_named(kserve: KServe) -> None:
    fits, asked = {"age": 1, "visits": 1}, provider(kserve.url)
    for item, said in (
        ({"age": 1}, "feature 'visits' is missing (item 2 of 3)"),
        ({"age": "x", "visits": 1}, "feature 'age' is no FP64 (item 2 of 3)"),
        ({**fits, "vists": 1}, "no input takes the feature 'vists' (item 2 of 3); known: age, visits"),
    ):
        assert str(failure(lambda item=item: asked.predict("linear", [fits, item, fits]))).endswith(said)


@pytest.mark.parametrize("value", [math.nan, math.inf, object()])
def test_a_plain_server_is_not_asked_what_json_cannot_say(kserve: KServe, value: Any) -> None:
    error = failure(lambda: provider(kserve.url).predict("plain", [{"age": value}]))
    assert (error.code, error.attempts, kserve.calls) == ("refused", 0, [])
