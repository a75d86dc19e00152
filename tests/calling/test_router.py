"""Who answers, who does when the first cannot, and what is noted of it."""

from __future__ import annotations

import threading
import time
from time import perf_counter
from typing import Any

import pytest
from calling_router import TEXTS, Provider, asking, failing, hanging, router, until

from chalicelib.asking import Answer, Asking
from chalicelib.calling.ledger import Ledger
from chalicelib.calling.router import Router
from chalicelib.calling.routing import Routing
from chalicelib.errors import ProviderError
from chalicelib.models import ModelSource, Prediction
from chalicelib.providers import make
from chalicelib.questions import Question


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
