"""The real server in a process of its own, over real connections to 127.0.0.1."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What the server process runs: which app, and the arguments of serve() as JSON.
SCRIPT = """
import json, random, sys, threading, time
from chalice.app import Chalice
import serving.server
from chalicelib.errors import SettingsError
from chalicelib.http.problems import from_chalice
from chalicelib.http.threads import ThreadLocalChalice

def echo():
    app = ThreadLocalChalice("echo", configure_logs=False)
    app.middleware("http")(lambda event, get_response: from_chalice(get_response(event)))

    @app.route("/echo/{marker}", methods=["GET", "POST"], content_types=["application/json", "text/plain"])
    def view(marker):
        time.sleep(random.random() / 1000)
        request = app.current_request
        return {
            "path": marker,
            "query": request.query_params.getlist("m") if request.query_params else None,
            "header": request.headers.get("x-marker"),
            "body": request.raw_body.decode(),
        }

    @app.route("/slow")
    def slow():
        time.sleep(60)

    return app

def hung():
    app = echo()
    threading.Thread(target=lambda: [time.sleep(1) for _ in iter(int, 1)], daemon=True).start()
    threading.Thread(target=time.sleep, args=(60,), daemon=False).start()
    return app

def misconfigured():
    raise SettingsError(["ARTEMIS_API_KEYS is not set", "the stage file has no providers"])

def raw():
    app = Chalice("raw")
    app.route("/keyed", api_key_required=True)(lambda: None)
    return app

def broken():
    raise RuntimeError("a bug in the app")

def leaving():
    sys.exit("no licence")

name, arguments, stall = sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])
if stall:
    serving.server.STALL_SECONDS = int(stall)
print("before", end=" ")
serving.server.serve(globals()[name], on_ready=print, **arguments)
print("after")
"""


class Server:
    def __init__(self, folder: Path, app: str, stall: int, arguments: dict[str, Any]) -> None:
        # As a user's shell has it: stdout to a pipe is buffered, and gunicorn would use the home folder.
        unwanted = {"PYTHONUNBUFFERED", "XDG_RUNTIME_DIR"}
        environment = {name: value for name, value in os.environ.items() if name not in unwanted}
        script = folder / "run.py"
        script.write_text(SCRIPT)
        self.errors = folder / "stderr"
        with self.errors.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, str(script), app, json.dumps({"port": 0, **arguments}), str(stall)],
                cwd=folder,
                env={**environment, "PYTHONPATH": str(ROOT), "HOME": str(folder)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:  # select() itself takes no descriptor over 1,023
            selector.register(self.process.stdout, selectors.EVENT_READ)
            said_something = selector.select(20)
        line = self.process.stdout.readline() if said_something else ""
        self.url = line.removeprefix("before ").strip()
        self.port = int(self.url.rpartition(":")[2] or 0)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, dict[str, str], bytes]:
        with contextlib.closing(self.connect()) as connection:
            return ask(connection, method, path, body, **options)

    def stop(self, sig: signal.Signals) -> tuple[int, float]:
        """The exit code, and the seconds it took."""
        begin = time.monotonic()
        self.process.send_signal(sig)
        return self.process.wait(timeout=20), time.monotonic() - begin

    def end(self) -> tuple[int, str, str]:
        """The exit code, the rest of stdout, and stderr."""
        out, _ = self.process.communicate(timeout=20)
        return self.process.returncode, out, self.errors.read_text()


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, **options: Any
) -> tuple[int, dict[str, str], bytes]:
    connection.request(method, path, body, **options)
    reply = connection.getresponse()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Server] = []

    def start(app: str = "echo", stall: int = 0, **arguments: Any) -> Server:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Server(folder, app, stall, arguments))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop(signal.SIGTERM)


def test_5000_requests_over_32_kept_connections_each_get_their_own_answer(start: Start) -> None:
    server = start(threads=8)

    def client(number: int) -> list[str]:
        wrong = []
        with contextlib.closing(server.connect()) as connection:
            connection.connect()
            kept = connection.sock
            for count in range(5000 // 32 + 1):
                marker = f"{number}-{count}"
                headers = {"X-Marker": marker, "Content-Type": "text/plain"}
                _, _, body = ask(connection, "POST", f"/echo/{marker}?m={marker}", marker, headers=headers)
                if json.loads(body) != {"path": marker, "query": [marker], "header": marker, "body": marker}:
                    wrong.append(f"{marker}: {body!r}")
                if connection.sock is not kept:
                    wrong.append(f"{marker}: the connection was not kept")
        return wrong

    with ThreadPoolExecutor(32) as pool:
        assert [line for lines in pool.map(client, range(32)) for line in lines] == []


def test_an_encoded_slash_and_repeated_query_keys_pass_through_the_real_server(start: Start) -> None:
    _, _, body = start().ask("GET", "/echo/a%2Fb/?m=1&m=&m=%20", headers={"Content-Type": "text/plain"})
    assert (json.loads(body)["path"], json.loads(body)["query"]) == ("a%2Fb", ["1", "", " "])


def test_a_chunked_body_arrives_and_an_oversized_one_is_a_413(start: Start) -> None:
    server, headers = start(max_body=100_000), {"Content-Type": "text/plain"}
    status, _, body = server.ask("POST", "/echo/x", iter([b"a" * 60_000, b"b" * 40_000]), headers=headers)
    assert (status, json.loads(body)["body"]) == (200, "a" * 60_000 + "b" * 40_000)
    for oversized in (b"x" * 100_001, iter([b"x" * 60_000] * 3)):
        status, reply_headers, body = server.ask("POST", "/echo/x", oversized, headers=headers)
        assert (status, reply_headers["content-type"]) == (413, "application/problem+json")
    assert server.ask("GET", "/echo/still-there")[0] == 200


def test_after_a_refused_body_the_connection_still_answers_the_right_request(start: Start) -> None:
    with contextlib.closing(start(max_body=10).connect()) as connection:
        assert ask(connection, "POST", "/echo/x", b"GET /echo/smuggled HTTP/1.1\r\n\r\n")[0] == 413
        assert json.loads(ask(connection, "GET", "/echo/next")[2])["path"] == "next"


def test_a_malformed_chunk_is_a_400_problem(start: Start) -> None:
    head = b"POST /echo/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", start().port), timeout=10) as client:
        client.sendall(head + b"zz\r\nnonsense\r\n")
        answer = client.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"urn:artemis:problem:bad-request" in answer


def test_404_405_and_head_over_the_wire(start: Start) -> None:
    server = start()
    assert server.ask("GET", "/nope")[0] == 404
    status, headers, body = server.ask("DELETE", "/echo/x")
    assert (status, headers["allow"]) == (405, "GET, POST")
    assert json.loads(body)["type"] == "urn:artemis:problem:method-not-allowed"
    status, headers, body = server.ask("HEAD", "/echo/x")
    assert (status, body, int(headers["content-length"]) > 0) == (200, b"", True)


def test_no_client_may_move_the_app_by_a_header(start: Start) -> None:
    with socket.create_connection(("127.0.0.1", start().port), timeout=10) as client:
        client.sendall(b"GET /echo/x HTTP/1.1\r\nHost: x\r\nSCRIPT_NAME: /echo\r\nConnection: close\r\n\r\n")
        assert client.makefile("rb").read().startswith(b"HTTP/1.1 200")


def test_silent_and_stalled_clients_do_not_take_the_threads_away(start: Start) -> None:
    server = start(threads=2, stall=1)
    address = ("127.0.0.1", server.port)
    head = b"POST /echo/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12"
    with contextlib.ExitStack() as open_connections:
        silent = [open_connections.enter_context(socket.create_connection(address)) for _ in range(8)]
        begin = time.monotonic()
        assert server.ask("GET", "/echo/x")[0] == 200
        assert time.monotonic() - begin < 0.8
        for client in silent[:2]:
            client.sendall(head)
        assert server.ask("GET", "/echo/x")[0] == 200
        assert time.monotonic() - begin < 4
        assert silent[0].recv(20).startswith(b"HTTP/1.1 408")
        silent[2].sendall(b"GET /echo/x HT")
        assert silent[2].recv(20) == b""
    assert server.errors.read_text() == ""


def test_a_client_that_does_not_hang_up_makes_nobody_wait(start: Start) -> None:
    server = start(threads=8)
    with contextlib.ExitStack() as open_connections:
        for _ in range(4):
            client = open_connections.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            client.sendall(b"GET /echo/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.makefile("rb").read().startswith(b"HTTP/1.1 200")
        begin = time.monotonic()
        assert server.ask("GET", "/echo/x")[0] == 200
        assert time.monotonic() - begin < 0.8


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_two_seconds_though_threads_hang_and_a_client_waits(start: Start, sig: signal.Signals) -> None:
    server = start("hung", threads=2)
    idle, waiting = server.connect(), server.connect()
    with contextlib.closing(idle), contextlib.closing(waiting):
        ask(idle, "GET", "/echo/x")
        waiting.request("GET", "/slow")
        time.sleep(0.2)
        code, seconds = server.stop(sig)
    _, out, errors = server.end()
    assert (code, out) == (0, "after\n")
    assert seconds < 2
    assert "memory" not in errors  # gunicorn's guess about a worker it had to kill
    with pytest.raises(OSError):
        server.ask("GET", "/echo/x")


def test_it_stops_at_once_when_nothing_is_in_flight(start: Start) -> None:
    server = start()
    server.ask("GET", "/echo/x")
    code, seconds = server.stop(signal.SIGTERM)
    assert (code, seconds < 1) == (0, True)


def test_a_port_in_use_is_one_sentence_and_exit_code_2(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, errors = start(port=port).end()
    assert (code, out) == (2, "")
    assert errors == f"cannot serve on 127.0.0.1, port {port}: address already in use\n"


@pytest.mark.parametrize("arguments", [{"port": 70000}, {"host": ""}, {"host": "192.0.2.1"}])
def test_an_address_that_cannot_be_had_is_one_sentence_and_exit_code_2(start: Start, arguments: Any) -> None:
    code, _, errors = start(**arguments).end()
    assert (code, errors.count("\n")) == (2, 1)
    assert errors.startswith("cannot serve on ")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_misconfigured_app_lists_its_problems_once_and_exits_with_2(start: Start, workers: int) -> None:
    code, out, errors = start("misconfigured", workers=workers).end()
    assert (code, out) == (2, "")
    assert errors == ("cannot start:\n  - ARTEMIS_API_KEYS is not set\n  - the stage file has no providers\n")


def test_an_app_the_adapter_refuses_is_told_the_same_way(start: Start) -> None:
    code, _, errors = start("raw").end()
    assert code == 2
    assert "ThreadLocalChalice" in errors
    assert "/keyed requires an API Gateway key" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("app", "last_words"), [("broken", "RuntimeError: a bug in the app"), ("leaving", "no licence")]
)
def test_an_app_that_cannot_be_made_is_not_tried_for_ever(start: Start, app: str, last_words: str) -> None:
    code, _, errors = start(app).end()
    assert (code, errors.count(last_words) > 0) == (2, True)


def test_a_worker_that_dies_is_replaced(start: Start) -> None:
    server = start()
    server.ask("GET", "/echo/x")
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    os.kill(int(children.read_text()), signal.SIGKILL)
    assert server.ask("GET", "/echo/x")[0] == 200


def test_it_binds_its_own_address_only_and_leaves_nothing_at_home(start: Start) -> None:
    server = start()
    server.ask("GET", "/echo/x")
    assert server.url == f"http://127.0.0.1:{server.port}"
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    hosts = [
        line[1].partition(":")[0] for line in listening if line[3] == "0A" and line[1].endswith(f"{server.port:04X}")
    ]
    assert hosts == ["0100007F"]
    server.stop(signal.SIGTERM)
    assert sorted(path.name for path in server.errors.parent.iterdir()) == ["run.py", "stderr"]


def test_it_says_nothing_while_all_is_well(start: Start) -> None:
    server = start(workers=2)
    server.ask("GET", "/echo/x")
    server.stop(signal.SIGTERM)
    assert server.end() == (0, "after\n", "")
