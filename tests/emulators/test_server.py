"""The base of the HTTP emulators, seen by a plain client."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from time import perf_counter
from typing import Any

import pytest

from tests.emulators.faults import Delay, Garbage, Refuse, Reset, Status, Version, WrongSchema
from tests.emulators.server import Emulator, Reply, Request, Route, closed_port


class Greeter(Emulator):
    def routes(self) -> list[Route]:
        return [
            Route("POST", "/v1/{place:path}/{name}:greet", self.greet),
            Route("GET", "/token", self.token, faulty=False),
            Route("GET", "/broken", self.broken),
        ]

    def greet(self, request: Request) -> Reply:
        request.note(letters=len(request.json()))
        return 200, {"hello": request.names["name"], "version": request.version("1")}, {"X-Greeting": "yes"}

    def token(self, request: Request) -> Reply:
        return 200, b"token", {"Content-Type": "text/plain"}

    def broken(self, request: Request) -> Reply:
        raise ValueError("a mistake in the emulator")


@pytest.fixture
def greeter() -> Iterator[Greeter]:
    with Greeter() as running:
        yield running


def greet(emulator: Emulator, path: str = "/v1/a/b/Ada%20L:greet", body: Any = "hi") -> tuple[int, Any, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=10)
    try:
        connection.request("POST", path, json.dumps(body))
        response = connection.getresponse()
        return response.status, response.read(), response.headers
    finally:
        connection.close()


def test_a_route_answers_its_path_and_the_call_is_listed_with_its_facts(greeter: Greeter) -> None:
    status, body, headers = greet(greeter)
    assert (status, json.loads(body), headers["X-Greeting"]) == (200, {"hello": "Ada L", "version": "1"}, "yes")
    assert greeter.calls == [{"operation": "greet", "place": "a/b", "name": "Ada L", "letters": 2}]
    assert greeter.count("greet") == 1


def test_a_path_that_no_route_has_is_not_found_and_no_call(greeter: Greeter) -> None:
    assert greet(greeter, "/v1/elsewhere")[0] == 404
    assert greeter.calls == []


def test_one_connection_carries_many_requests_without_stalling(greeter: Greeter) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", greeter.port, timeout=10)
    connection.connect()
    first = connection.sock
    started = perf_counter()
    for _ in range(50):
        connection.request("POST", "/v1/a/Ada:greet", '"hi"')
        assert connection.getresponse().read()
    assert perf_counter() - started < 1.5  # 50 stalls of 40 ms would be 2 s
    assert connection.sock is first
    connection.close()


def test_queued_faults_come_before_what_is_always_wrong_and_clear_ends_all(greeter: Greeter) -> None:
    greeter.faults.always(Status(503))
    greeter.faults.then(Status(429, retry_after=2), times=2)
    replies = [greet(greeter) for _ in range(3)]
    assert [reply[0] for reply in replies] == [429, 429, 503]
    assert [reply[2]["Retry-After"] for reply in replies] == ["2", "2", None]
    greeter.faults.clear()
    assert greet(greeter)[0] == 200


def test_garbage_and_a_wrong_schema_are_answers_of_status_200(greeter: Greeter) -> None:
    greeter.faults.then(Garbage())
    greeter.faults.then(WrongSchema())
    garbage, wrong = greet(greeter), greet(greeter)
    assert garbage[0] == wrong[0] == 200
    with pytest.raises(ValueError):
        json.loads(garbage[1])
    assert json.loads(wrong[1]) == {"unexpected": True}


def test_a_reset_comes_after_the_first_half_of_the_answer(greeter: Greeter) -> None:
    greeter.faults.then(Reset())
    with socket.create_connection(("127.0.0.1", greeter.port), timeout=10) as client:
        client.sendall(b'POST /v1/a/Ada:greet HTTP/1.1\r\nContent-Length: 4\r\n\r\n"hi"')
        received = b""
        with pytest.raises(ConnectionResetError):
            while chunk := client.recv(1000):
                received += chunk
            pytest.fail("closed in order, not reset")
    head, _, body = received.partition(b"\r\n\r\n")
    whole = int(dict(line.split(b": ") for line in head.splitlines()[1:])[b"Content-Length"])
    assert 0 < len(body) < whole


def test_refuse_resets_before_the_first_byte(greeter: Greeter) -> None:
    greeter.faults.then(Refuse())
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        greet(greeter)
    assert greet(greeter)[0] == 200


def test_nobody_listens_on_a_closed_port() -> None:
    host, _, port = closed_port().removeprefix("http://").partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=10)


def test_a_delay_and_the_latency_come_before_the_answer(greeter: Greeter) -> None:
    greeter.latency = 0.05
    greeter.faults.then(Delay(0.1))
    started = perf_counter()
    assert greet(greeter)[0] == 200
    assert perf_counter() - started >= 0.15


def test_a_version_is_for_the_route_to_report(greeter: Greeter) -> None:
    greeter.faults.then(Version("2"))
    assert [json.loads(greet(greeter)[1])["version"] for _ in range(2)] == ["2", "1"]


def test_a_route_that_is_not_faulty_uses_up_no_fault(greeter: Greeter) -> None:
    greeter.faults.then(Status(500))
    connection = http.client.HTTPConnection("127.0.0.1", greeter.port, timeout=10)
    connection.request("GET", "/token")
    assert connection.getresponse().read() == b"token"
    connection.close()
    assert greet(greeter)[0] == 500


def test_a_mistake_in_a_route_is_a_500_that_shows_it(greeter: Greeter, capsys: pytest.CaptureFixture[str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", greeter.port, timeout=10)
    connection.request("GET", "/broken")
    response = connection.getresponse()
    assert response.status == 500 and b"a mistake in the emulator" in response.read()
    connection.close()


def test_closing_ends_what_waits_and_what_is_connected() -> None:
    with Greeter() as running:
        running.faults.then(Delay(60))
        idle = socket.create_connection(("127.0.0.1", running.port), timeout=10)
        waiting = socket.create_connection(("127.0.0.1", running.port), timeout=10)
        waiting.sendall(b'POST /v1/a/Ada:greet HTTP/1.1\r\nContent-Length: 4\r\n\r\n"hi"')
        started = perf_counter()
        while not running.calls:
            assert perf_counter() - started < 10
    for client in (idle, waiting):
        with client, suppress(ConnectionResetError):
            assert client.recv(10) == b""
    assert perf_counter() - started < 10
