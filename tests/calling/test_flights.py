"""Equal questions at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import pytest
from calling_router import TEXTS, Provider, asking, hanging, router, until

from chalicelib.asking import Asking
from chalicelib.calling.ledger import Ledger
from chalicelib.errors import ProviderError


def test_identical_questions_in_flight_are_one_call() -> None:
    provider = hanging(1.0)
    asked = router({"one": provider})
    ledgers = [Ledger() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda pair: asked.ask(TEXTS, asking(decision_id=str(pair[0])), pair[1]), enumerate(ledgers))
        )
    assert len(provider.calls) == 1
    assert all(answer.results == [[0.0], [0.0]] for answer in answers)
    paid = [call for ledger in ledgers for call in ledger.calls if call.paid]
    shared = [call for ledger in ledgers for call in ledger.calls if call.shared]
    assert (len(paid), len(shared)) == (1, 7)
    assert len({call.reused_from for call in shared}) == 1  # the decision that pays is named


def test_nobody_is_given_what_another_could_change() -> None:
    asked = router({"one": hanging(0.3)})
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: asked.ask(TEXTS, asking(), Ledger()), range(2))
    one.results[0].append(9.0)
    assert two.results == [[0.0], [0.0]]


def test_a_failure_is_shared_by_nobody() -> None:
    count = [0]
    lock = threading.Lock()

    def answer(texts: list[str], asking: Asking) -> Any:
        with lock:
            count[0] += 1
            first = count[0] == 1
        time.sleep(0.2)
        if first:
            raise ProviderError("once", code="server-error")
        return [[1.0], [1.0]]

    asked = router({"one": Provider(answer)})

    def ask(_: int) -> str:
        try:
            return str(asked.ask(TEXTS, asking(), Ledger()).results)
        except ProviderError as error:
            return error.code

    with ThreadPoolExecutor(3) as pool:
        outcomes = sorted(pool.map(ask, range(3)))
    assert outcomes == ["[[1.0], [1.0]]", "[[1.0], [1.0]]", "server-error"]


def test_who_waits_for_anothers_call_waits_no_longer_than_it_may() -> None:
    provider = hanging(2)
    asked = router({"one": provider})
    leader = threading.Thread(target=lambda: asked.ask(TEXTS, asking(30), Ledger()))
    leader.start()
    until(lambda: bool(provider.calls))
    ledger, began = Ledger(), perf_counter()
    with pytest.raises(ProviderError) as caught:
        asked.ask(TEXTS, asking(0.2), ledger)
    assert caught.value.code == "timeout" and perf_counter() - began < 1.8
    assert [(call.error, call.shared) for call in ledger.calls] == [("timeout", True)]
    leader.join()


def test_a_call_that_hangs_takes_nobody_along() -> None:
    """Its caller has given up: who asks the same later asks for itself."""
    release, count = threading.Event(), [0]

    def answer(texts: list[str], asking: Asking) -> Any:
        count[0] += 1
        if count[0] == 1:
            release.wait(30)
        return [[1.0]] * len(texts)

    asked = router({"one": Provider(answer)})
    threading.Thread(target=lambda: asked.ask(TEXTS, asking(0.2), Ledger()), daemon=True).start()
    until(lambda: count[0] == 1)
    assert asked.ask(TEXTS, asking(20), Ledger()).results == [[1.0], [1.0]]
    release.set()


def test_a_failed_call_is_followed_by_one_more_for_all_who_are_left() -> None:
    provider = Provider()
    together = threading.Barrier(10)

    def answer(texts: list[str], asking: Asking) -> Any:
        time.sleep(0.5)
        if len(provider.calls) == 1:
            raise ProviderError("once", code="server-error")
        return [[1.0]] * len(texts)

    provider._answer = answer
    asked = router({"one": provider})

    def ask(_: int) -> str:
        together.wait(20)
        try:
            return str(asked.ask(TEXTS, asking(20), Ledger()).results)
        except ProviderError as error:
            return error.code

    with ThreadPoolExecutor(10) as pool:
        outcomes = sorted(pool.map(ask, range(10)))
    assert outcomes == ["[[1.0], [1.0]]"] * 9 + ["server-error"]
    assert len(provider.calls) <= 3
