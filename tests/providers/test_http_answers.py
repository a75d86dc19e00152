"""The provider `http`: answers that are wrong in detail, and those that are only unusual."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Thread
from time import perf_counter
from typing import Any

import pytest
from http_asking import CAPABILITIES, failure, of_kserve, small_photo

from chalicelib.asking import UNREPORTED
from chalicelib.photo import Photo
from chalicelib.providers.http import Http
from tests.emulators.kserve import KServe
from tests.emulators.server import Emulator, Reply, Request, Route


@pytest.fixture
def kserve() -> Iterator[KServe]:
    with KServe() as running:
        yield running


@pytest.fixture
def photo() -> Photo:
    return small_photo()


class Saying(Emulator):
    """Answers whatever it is given."""

    content: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012

    def routes(self) -> list[Route]:
        return [Route("POST", "/{rest:path}", self.say)]

    def say(self, request: Request) -> Reply:
        return 200, self.content, self.headers


@pytest.fixture
def saying() -> Iterator[Saying]:
    with Saying() as running:
        yield running


BOX = {"left": 0.1, "top": 0.1, "width": 0.2, "height": 0.2}
SAFE = {"scores": {"nudity": 0.1}}


def with_face(confidence: Any = 0.9, **box: Any) -> dict[str, Any]:
    return {"result": [{"box": {**BOX, **box}, "confidence": confidence}]}


WRONG: dict[str, list[Any]] = {
    "moderation": [
        b'{"result": {"scores": {"nudity": NaN}}}', b'{"result": {"scores": {"nudity": 1e999}}}', {"result": {}},
        {"result": {"scores": {"nudity": 1.1}}}, {"result": {"scores": {"nudity": "0.1"}}}, {"result": None}, [], "a",
        {"result": {"scores": {"nudity": True}}}, {"result": {"scores": [0.1]}}, None, 1, {"result": {"scores": 1}},
        {"result": SAFE, "model": 7}, {"result": SAFE, "version": []},
    ],
    "faces": [
        {"result": [{"box": BOX}]}, {"result": {}}, {"result": [{"box": [1, 2], "confidence": 0.9}]},
        with_face(width=120), with_face(left=1.5), with_face(depth=1), with_face(confidence=99), with_face(width=0),
    ],
    "text": [
        {"result": [{"text": 1, "confidence": 0.9}]}, {"result": [{"text": "a\0", "confidence": 0.9}]}, {"result": "a"},
    ],
    "labels": [{"result": [{"name": None, "confidence": 0.9}]}, {"result": ["dog"]}],
    "embedding": [
        {"result": [[0.1]]}, {"result": [[0.1], []]}, {"result": [[0.1], [0.1, 0.2]]}, {"result": [[0.1], ["a"]]},
    ],
    "predict": [
        {"result": [1]}, {"result": [1, None]}, {"result": [1, [0.5, 1.5]]}, {"predictions": 1},
        b'{"result": [1, Infinity]}',
    ],
}  # fmt: skip


@pytest.mark.parametrize("capability", WRONG)
def test_an_answer_that_is_wrong_in_detail_is_a_bad_answer(saying: Saying, photo: Photo, capability: str) -> None:
    servers = {name: {"url": f"{saying.url}/m"} for name in CAPABILITIES}
    ask = getattr(Http({"models": {"m": {"url": f"{saying.url}/m"}}, **servers}), capability)
    arguments = {"predict": ("m", [{"a": 1}, {"a": 2}]), "embedding": (["a", "b"],)}.get(capability, (photo,))
    for saying.content in WRONG[capability]:
        error = failure(lambda: ask(*arguments))
        assert error.code == "bad-answer", saying.content


SHAPES = [
    {"name": "y", "shape": [2], "data": [1]}, {"name": "y", "shape": [1], "data": [1]}, {"name": "y", "data": [1, 2]},
    {"name": "y", "shape": [2, 2], "data": [1, 2, 3, 4]}, {"name": "y", "shape": [2], "data": [1, None]},
    {"name": "y", "shape": [2], "data": "12"}, {"name": "y", "shape": ["2"], "data": [1, 2]}, "y", None,
    {"name": "y", "shape": [-2]}, {"name": "y", "shape": [2, 0], "data": []},
]  # fmt: skip


def test_tensors_that_do_not_agree_with_themselves_are_a_bad_answer(saying: Saying) -> None:
    asked = of_kserve(saying.url, {"inputs": [{"name": "x"}]})
    for output in SHAPES:
        saying.content = {"model_name": "m", "outputs": [output]}
        assert failure(lambda: asked.predict("m", [{"x": 1}, {"x": 2}])).code == "bad-answer", output


def test_an_output_that_is_not_there_or_one_of_several_is_a_bad_answer(saying: Saying) -> None:
    saying.content = {"outputs": [{"name": name, "shape": [1], "data": [1]} for name in "yz"]}
    for outputs in ({}, {"value": "x"}, {"scores": "x"}, {"value": "y", "scores": "z", "classes": ["a"]}):
        asked = of_kserve(saying.url, {"inputs": [{"name": "x"}], "outputs": outputs})
        assert failure(lambda asked=asked: asked.predict("m", [{"x": 1}])).code == "bad-answer"
    named = of_kserve(saying.url, {"inputs": [{"name": "x"}], "outputs": {"value": "z"}}).predict("m", [{"x": 1}])
    assert (named.result[0].value, named.model, named.version) == (1, "m", UNREPORTED)


def test_other_servers_may_call_their_list_predictions(saying: Saying) -> None:
    saying.content = {"predictions": [0.5, {"classes": ["a", "b"], "scores": [0.4, 0.6]}], "version": 3}
    answer = Http({"models": {"m": {"url": f"{saying.url}/v1/models/m:predict"}}}).predict("m", [{"a": 1}, {"a": 2}])
    assert [item.value for item in answer.result] == [0.5, "b"]
    assert (answer.model, answer.version) == ("m", "3")


def test_noise_beyond_one_is_cut_and_a_box_is_cut_at_the_edge(saying: Saying, photo: Photo) -> None:
    box = {"left": -0.1, "top": 0.9, "width": 0.3, "height": 0.3}
    saying.content = {"result": [{"box": box, "confidence": 1.0000001}]}
    (face,) = Http({"faces": {"url": f"{saying.url}/faces"}}).faces(photo).result
    assert face.confidence == 1
    assert face.box.model_dump() == pytest.approx({"left": 0, "top": 0.9, "width": 0.2, "height": 0.1})


def test_an_answer_that_is_too_large_is_not_read_to_its_end(saying: Saying) -> None:
    saying.content = b'{"result": [' + b" " * 1_000_000 + b"1]}"
    error = failure(lambda: Http({"max_bytes": 1000, "models": {"m": {"url": f"{saying.url}/m"}}}).predict("m", [{}]))
    assert error.code == "bad-answer" and "1000 bytes" in str(error)


def test_a_redirect_is_not_followed(kserve: KServe) -> None:
    class Redirecting(Saying):
        def say(self, request: Request) -> Reply:
            return 307, {}, {"Location": f"{kserve.url}/plain/models/linear"}

    with Redirecting() as redirecting:
        error = failure(lambda: Http({"models": {"m": {"url": f"{redirecting.url}/m"}}}).predict("m", [{"a": 1}]))
    assert error.code == "bad-answer" and "redirect" in str(error)
    assert kserve.calls == []


def test_a_server_that_sends_a_byte_now_and_then_is_given_up_in_time() -> None:
    def drip() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(10_000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not over.wait(0.05):
                connection.sendall(b" ")

    over, started = Event(), perf_counter()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/m"
        error = failure(lambda: Http({"timeout": 0.3, "models": {"m": {"url": url}}}).predict("m", [{}]))
        over.set()
        thread.join()
    assert (error.code, error.attempts) == ("timeout", 1)
    assert perf_counter() - started < 10
