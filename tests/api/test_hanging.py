"""Tasks that hang or try to take the process along: neither a request nor the server waits for them."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from api_client import InProcess, MakeApi, OverSocket, Reply, stored
from api_server import Server, serving
from api_trouble import SECRET

from chalicelib.engine import Engine
from chalicelib.workers import Workers

DEADLINE = 2  # seconds, of the served project's stage
OK = {"user_id": "u-1"}


@pytest.mark.parametrize("how", ["exits", "interrupts", "leaves"])
@pytest.mark.parametrize("step", ["needed", "shaky", "logic", "decide"])
def test_code_that_wants_to_end_the_process_ends_only_its_decision(
    wire: OverSocket, server: Server, step: str, how: str
) -> None:
    reply = wire.decide("trouble", {**OK, "mode": f"{step}-{how}"})
    if step == "shaky":
        assert reply.json["degraded"] == [{"task": "shaky", "error": "failed"}]
    elif step == "needed":
        reply.problem(502, "task-failed")
    else:
        reply.problem(500, "step-failed")
    assert SECRET not in reply.content.decode()
    assert wire.decide("trouble", OK).status == 200
    assert server.process.poll() is None
    assert "Booting worker" not in server.log.read_text()


def test_reading_such_a_decision_back_with_its_trace_does_no_harm_either(wire: OverSocket) -> None:
    for mode in ("logic-exits", "logic-interrupts", "logic-leaves"):
        decision_id = wire.decide("trouble", {**OK, "mode": mode}).json["decision_id"]
        assert wire.get(f"/v1/decisions/{decision_id}?include=trace").status == 200, mode
        assert wire.decide("trouble", OK).status == 200


@pytest.fixture
def own_server(served_project: Path, tmp_path: Path) -> Iterator[Server]:
    with serving(served_project, tmp_path, tmp_path / "decisions.db") as running:
        yield running


def test_hung_tasks_hold_neither_their_requests_nor_the_server_at_exit(own_server: Server, tmp_path: Path) -> None:
    """One sleeps, one waits on a socket for ever: both are answered in time, and SIGTERM ends all in 3 s."""
    wire = OverSocket(own_server.url, tmp_path / "decisions.db")

    def ask(how: str) -> tuple[Reply, float]:
        started = time.perf_counter()
        return wire.decide("trouble", {**OK, "mode": f"needed-{how}"}), time.perf_counter() - started

    with ThreadPoolExecutor(4) as clients:
        for reply, seconds in clients.map(ask, ["sleeps", "listens", "sleeps", "listens"]):
            problem = reply.problem(504, "task-timeout")
            assert problem["step"] == "needed"
            assert seconds < DEADLINE + 1
            row, facts = stored(wire.database, problem["decision_id"])
            assert row["status"] == "failed"
            assert {fact["task"] for fact in facts} >= {"seen", "needed"}
    assert wire.decide("trouble", OK).status == 200
    wire.http.close()
    started = time.perf_counter()
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(10) == 0
    assert time.perf_counter() - started < 3


def test_a_request_in_flight_at_exit_holds_the_server_no_longer_than_3_seconds(
    own_server: Server, tmp_path: Path
) -> None:
    wire = OverSocket(own_server.url, tmp_path / "decisions.db")
    with ThreadPoolExecutor(1) as clients:
        asked = clients.submit(wire.decide, "trouble", {**OK, "mode": "needed-listens"})
        time.sleep(0.5)
        started = time.perf_counter()
        own_server.process.send_signal(signal.SIGTERM)
        own_server.process.wait(10)
        assert time.perf_counter() - started < 3
        asked.exception()


def capped(make_api: MakeApi, live: int, hung: int, deadline: float = 5.0) -> InProcess:
    """A service that has so many threads for tasks."""
    api = make_api(deadline=deadline)
    api.service.engine = Engine(api.service.engine.models, Workers(live=live, hung=hung))
    return api


def test_when_too_many_threads_hang_new_decisions_are_refused_until_they_return(make_api: MakeApi) -> None:
    api = capped(make_api, live=4, hung=2)
    assert api.decide("trouble", OK).status == 200
    for _ in range(2):
        api.decide("trouble", {**OK, "mode": "brief-naps"}).problem(504, "task-timeout")
    rows = api.rows()
    refused = api.decide("trouble", OK)
    refused.problem(503, "overloaded")
    assert int(refused.headers["retry-after"]) > 0
    assert api.rows() == rows
    assert api.get("/health").status == 200
    time.sleep(1.5)
    assert api.decide("trouble", OK).status == 200


def test_a_hung_thread_gives_its_place_to_the_task_that_waits_behind_it(make_api: MakeApi) -> None:
    """One thread: when the task in it is given up, the one that waits must be started, not time out too."""
    api = capped(make_api, live=1, hung=8)
    made = api.decide("queue", OK)
    assert made.status == 200, made.content
    assert made.json["decision"] == {"stuck": False, "patient": True}
    assert made.json["degraded"] == [{"task": "stuck", "error": "timeout"}]


def test_a_queue_of_waiting_tasks_is_worked_off_by_few_threads(make_api: MakeApi) -> None:
    api = capped(make_api, live=2, hung=8)
    for _ in range(20):
        assert api.decide("trouble", OK).json["degraded"] == []
