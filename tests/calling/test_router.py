"""Who answers, who does when the first cannot, and what is noted of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import pytest

from chalicelib.asking import Answer, Asking
from chalicelib.calling.ledger import Ledger
from chalicelib.calling.router import Router
from chalicelib.calling.routing import Routing
from chalicelib.errors import ProviderError
from chalicelib.models import ModelSource, Prediction
from chalicelib.providers import make
from chalicelib.questions import Question

TEXTS = Question("embedding", ("하나", "둘"))


class Provider:
    """Answers embeddings by their length, as its function says."""

    MANAGED = True

    def __init__(self, answer: Callable[[list[str], Asking], Any] | None = None, version: str = "1") -> None:
        self.calls: list[list[str]] = []
        self._answer, self.version = answer, version

    def embedding(self, texts: list[str], asking: Asking) -> Answer:
        self.calls.append(texts)
        result = self._answer(texts, asking) if self._answer else [[float(len(text))] for text in texts]
        return Answer(result, "lengths", self.version)


def failing(code: str = "server-error", attempts: int = 3) -> Provider:
    def answer(texts: list[str], asking: Asking) -> Any:
        raise ProviderError("it cannot", code=code, attempts=attempts)

    return Provider(answer)


def hanging(seconds: float) -> Provider:
    def answer(texts: list[str], asking: Asking) -> Any:
        time.sleep(seconds)
        return [[0.0]] * len(texts)

    return Provider(answer)


def router(chain: Any, settings: dict[str, Any] | None = None, pin: dict[str, str] | None = None) -> Router:
    """A router to these providers, by name, in this order."""
    content = {"providers": {"embedding": list(chain)}, "provider_settings": settings or {}}
    content |= {"pin": {"embedding": pin}} if pin else {}
    return Router(Routing.of(content), lambda name, _settings: chain[name])


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    end = perf_counter() + 20
    while not true():
        assert perf_counter() < end
        time.sleep(0.005)


def asking(seconds: float = 5.0, **more: Any) -> Asking:
    return Asking(perf_counter() + seconds, **more)


def test_an_answer_is_noted_with_who_gave_it() -> None:
    ledger = Ledger()
    answered = router({"one": Provider()}).ask(TEXTS, asking(), ledger)
    assert answered.results == [[2.0], [1.0]]
    assert answered.source == ModelSource(provider="one", model="lengths", version="1")
    (call,) = ledger.calls
    noted = {"capability": "embedding", "provider": "one", "model": "lengths", "version": "1", "items": 2}
    assert call.as_dict() == noted | {"ms": call.ms}
    assert call.ms > 0 and call.paid


def test_nobody_named_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ProviderError, match="no provider answers 'labels' on this stage: name one") as caught:
        router({"one": Provider()}).ask(Question("labels", (None,)), asking(), Ledger())
    assert caught.value.code == "not-configured"


def test_a_provider_without_the_capability_says_so() -> None:
    routing = Routing.of({"providers": {"labels": "one"}})
    with pytest.raises(ProviderError, match="one does not answer labels") as caught:
        photo = type("P", (), {"digest": "sha256:1"})()
        Router(routing, lambda name, settings: Provider()).ask(Question("labels", (photo,)), asking(), Ledger())
    assert caught.value.code == "not-configured"


def test_the_next_provider_answers_when_the_first_cannot_and_both_are_noted() -> None:
    ledger = Ledger()
    answered = router({"one": failing("throttled"), "two": Provider()}).ask(TEXTS, asking(), ledger)
    assert answered.source.provider == "two"
    assert [(call.provider, call.error, call.attempts) for call in ledger.calls] == [
        ("one", "throttled", 3),
        ("two", None, 1),
    ]


def test_the_last_error_is_the_one_that_is_raised() -> None:
    ledger = Ledger()
    with pytest.raises(ProviderError) as caught:
        router({"one": failing("throttled"), "two": failing("credentials")}).ask(TEXTS, asking(), ledger)
    assert caught.value.code == "credentials"
    assert [call.error for call in ledger.calls] == ["throttled", "credentials"]


def test_a_provider_that_hangs_leaves_the_next_its_share_of_the_time() -> None:
    ledger, began = Ledger(), perf_counter()
    chain = {"one": hanging(20), "two": Provider()}
    answered = router(chain).ask(TEXTS, asking(2.0), ledger)
    assert answered.source.provider == "two"
    assert perf_counter() - began < 10  # the first would have taken 20
    assert [(call.provider, call.error) for call in ledger.taken().calls] == [("one", "timeout"), ("two", None)]


def test_who_answers_after_its_share_is_late_and_hides_nobody() -> None:
    """The first one's answer comes while the second is being asked: it is noted as the timeout that it was."""
    first_is_done = threading.Event()

    def late(texts: list[str], asking: Asking) -> Any:
        time.sleep(0.5)
        first_is_done.set()
        return [[0.0]] * len(texts)

    def second(texts: list[str], asking: Asking) -> Any:
        assert first_is_done.wait(20)
        time.sleep(0.1)
        return [[1.0]] * len(texts)

    ledger = Ledger()
    asked = router({"one": Provider(late), "two": Provider(second)})
    answered = asked.ask(TEXTS, Asking(perf_counter() + 0.8), ledger)
    assert answered.source.provider == "two"
    assert [(call.provider, call.error) for call in ledger.calls] == [("one", "timeout"), ("two", None)]


def test_equal_items_of_a_list_are_asked_for_once() -> None:
    provider, ledger = Provider(), Ledger()
    answered = router({"one": provider}).ask(Question("embedding", ("aa", "b", "aa")), asking(), ledger)
    assert answered.results == [[2.0], [1.0], [2.0]]
    assert provider.calls == [["aa", "b"]] and ledger.calls[0].items == 2
    answered.results[0].append(3.0)
    assert answered.results[2] == [2.0]


@pytest.mark.parametrize("named", ["\ud800", "a\nb", "v" * 300])
def test_a_version_that_no_column_or_log_could_hold_is_made_one_that_can(named: str) -> None:
    version = router({"one": Provider(version=named)}).ask(TEXTS, asking(), Ledger()).source.version
    assert len(version) <= 100 and version.isprintable()
    version.encode()


def test_settings_that_do_not_hold_are_told_without_their_values() -> None:
    routing = Routing.of(
        {"providers": {"faces": "rekognition"}, "provider_settings": {"rekognition": {"timeout": "hunter2"}}}
    )
    photo = type("P", (), {"digest": "sha256:1"})()
    with pytest.raises(ProviderError) as caught:
        Router(routing, make).ask(Question("faces", (photo,)), asking(), Ledger())
    assert (caught.value.code, caught.value.attempts) == ("not-configured", 0)
    assert "timeout" in str(caught.value) and "hunter2" not in str(caught.value)


def test_what_a_provider_raises_unforeseen_is_noted_and_passed_on() -> None:
    def answer(texts: list[str], asking: Asking) -> Any:
        raise KeyError("a bug")

    ledger = Ledger()
    with pytest.raises(KeyError):
        router({"one": Provider(answer)}).ask(TEXTS, asking(), ledger)
    assert [call.error for call in ledger.calls] == ["failed"]


def test_fewer_answers_than_items_are_no_answer() -> None:
    with pytest.raises(ProviderError, match="1 of 2 items") as caught:
        router({"one": Provider(lambda texts, asking: [[1.0]])}).ask(TEXTS, asking(), Ledger())
    assert caught.value.code == "bad-answer"


def test_one_model_of_predict_can_be_routed_apart() -> None:
    class Predicting:
        def __init__(self, name: str) -> None:
            self.name = name

        def predict(self, model: str, features: list[dict[str, Any]], asking: Asking) -> Answer:
            return Answer([Prediction(value=f"{self.name}:{model}") for _ in features], model)

    routing = Routing.of({"providers": {"predict": "one", "predict/churn": "two"}})
    asked = Router(routing, lambda name, settings: Predicting(name))
    for model, value in (("score", "one:score"), ("churn", "two:churn")):
        answered = asked.ask(Question("predict", ({"age": 3},), model), asking(), Ledger())
        assert [one.value for one in answered.results] == [value]


# A breaker and a limit for each provider


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


# Equal questions at once


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


# Pins


def test_another_version_than_the_pinned_is_no_answer_and_was_paid_for() -> None:
    ledger = Ledger()
    with pytest.raises(ProviderError, match="answered embedding by lengths 2, and the stage pins version 1") as caught:
        router({"one": Provider(version="2")}, pin={"one": "1"}).ask(TEXTS, asking(), ledger)
    assert caught.value.code == "model-mismatch"
    (call,) = ledger.calls
    assert (call.error, call.version, call.paid) == ("model-mismatch", "2", True)


def test_a_mismatch_gives_the_next_provider_its_turn() -> None:
    chain = {"one": Provider(version="2"), "two": Provider(version="9")}
    assert router(chain, pin={"one": "1"}).ask(TEXTS, asking(), Ledger()).source.provider == "two"


def test_a_call_that_nobody_waits_for_any_more_is_noted_as_late() -> None:
    ledger = Ledger()
    asked = router({"one": hanging(1)})
    thread = threading.Thread(target=lambda: asked.ask(TEXTS, asking(30), ledger))
    thread.start()
    until(lambda: bool(ledger.calls))
    time.sleep(0.05)
    (taken,) = ledger.taken().calls
    assert taken.error == "timeout" and taken.ms >= 40
    thread.join()
    assert taken.error == "timeout" and ledger.calls[0].error is None  # what was taken stays as it was
