"""A breaker and a limit for each provider."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from calling_router import TEXTS, Provider, asking, failing, router

from chalicelib.asking import Asking
from chalicelib.calling.ledger import Ledger
from chalicelib.errors import ProviderError
from chalicelib.questions import Question


def test_a_provider_that_keeps_failing_is_left_alone_and_then_tried_again() -> None:
    provider = failing()
    asked = router({"one": provider}, {"one": {"breaker": {"failures": 3, "seconds": 1}}})
    codes = []
    for _ in range(5):
        with pytest.raises(ProviderError) as caught:
            asked.ask(TEXTS, asking(), Ledger())
        codes.append(caught.value.code)
    assert codes == ["server-error"] * 3 + ["circuit-open"] * 2
    assert "failed 3 times in a row" in str(caught.value) and "server-error: it cannot" in str(caught.value)
    assert len(provider.calls) == 3
    provider._answer = None
    time.sleep(1.1)
    assert asked.ask(TEXTS, asking(), Ledger()).results == [[2.0], [1.0]]


def test_a_question_that_is_refused_does_not_speak_against_the_provider() -> None:
    provider = failing("refused")
    asked = router({"one": provider}, {"one": {"breaker": {"failures": 1}}})
    for _ in range(3):
        with pytest.raises(ProviderError) as caught:
            asked.ask(TEXTS, asking(), Ledger())
        assert caught.value.code == "refused"
    assert len(provider.calls) == 3


def test_credentials_do_not_open_the_circuit_nor_does_time_that_was_up() -> None:
    """Leaving a provider alone mends neither; what is said of each call says what to mend."""
    provider = failing("credentials")
    asked = router({"one": provider}, {"one": {"breaker": {"failures": 1}}})
    for seconds in (5.0, 5.0, 0.0, 0.0, 5.0):
        with pytest.raises(ProviderError) as caught:
            asked.ask(TEXTS, asking(seconds), Ledger())
        assert caught.value.code == ("credentials" if seconds else "timeout")
    assert len(provider.calls) == 3


def test_a_call_that_never_comes_back_counts_as_a_failure() -> None:
    release = threading.Event()
    asked = router(
        {"one": Provider(lambda texts, asking: [[float(release.wait(30))]] * 2)},
        {"one": {"breaker": {"failures": 1, "seconds": 60}}},
    )
    thread = threading.Thread(target=lambda: asked.ask(TEXTS, asking(0.2), Ledger()), daemon=True)
    thread.start()
    time.sleep(0.5)
    with pytest.raises(ProviderError) as caught:
        asked.ask(Question("embedding", ("another",)), asking(), Ledger())
    assert caught.value.code == "circuit-open"
    release.set()


def test_calls_at_once_are_limited_and_wait_no_longer_than_they_may() -> None:
    release, running, most = threading.Event(), [0], [0]

    def answer(texts: list[str], asking: Asking) -> Any:
        running[0] += 1
        most[0] = max(most[0], running[0])
        release.wait(20)
        running[0] -= 1
        return [[1.0]]

    asked = router({"one": Provider(answer)}, {"one": {"concurrency": 2}})
    questions = [Question("embedding", (str(number),)) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(asked.ask, question, asking(20), Ledger()) for question in questions[:3]]
        while running[0] < 2:
            time.sleep(0.01)
        ledger = Ledger()
        with pytest.raises(ProviderError) as caught:
            asked.ask(questions[3], asking(0.1), ledger)
        assert (caught.value.code, ledger.calls[0].paid) == ("busy", False)
        release.set()
        assert [future.result(20).results for future in futures] == [[[1.0]]] * 3
    assert most == [2]
