"""A small threaded HTTP/1.1 server on a free port of 127.0.0.1: the base of the emulators that speak HTTP.

A subclass names its routes; a route's function gets a :class:`Request` and returns ``(status, content, headers)``,
where content is anything that JSON can say, or bytes. The name of the function is the operation in ``calls``. Faults
are applied here, to every route that is not marked ``faulty=False``; :class:`~tests.emulators.faults.Version` is for
the subclass: ``request.version("1")`` is the version to report.

    class Greeter(Emulator):
        def routes(self):
            return [Route("POST", "/hello/{name}", self.greet)]

        def greet(self, request):
            request.note(items=len(request.json()))      # a fact for ``calls``, beside the path's names
            return 200, {"hello": request.names["name"]}, {}
"""

from __future__ import annotations

import json
import re
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.emulators.faults import Delay, Fault, Faults, Garbage, Refuse, Reset, Status, Version, WrongSchema

Reply = tuple[int, Any, Mapping[str, str]]
LOOPBACK = "127.0.0.1"
NOT_JSON = b"<html>not JSON \xff"


@dataclass
class Request:
    """One request. ``names``: parts of the path, as the route's pattern names them; ``call``: what ``calls`` lists."""

    method: str
    path: str
    query: dict[str, str]
    headers: Any  # email.message.Message: names in any case
    body: bytes
    names: dict[str, str] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)
    fault: Fault | None = None

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    def note(self, **facts: Any) -> None:
        """Put facts of this call into ``calls``."""
        self.call.update(facts)

    def version(self, usual: str) -> str:
        """The model version to report: ``usual``, unless the call's fault says another."""
        return self.fault.version if isinstance(self.fault, Version) else usual


class Route:
    """What answers a method and a path. In a pattern ``{name}`` is a part of one segment, ``{name:path}`` any path."""

    def __init__(self, method: str, pattern: str, answer: Callable[[Request], Reply], faulty: bool = True) -> None:
        self.method, self.answer, self.faulty = method, answer, faulty
        self.operation = answer.__name__
        pieces = re.split(r"\{(\w+)(:path)?\}", pattern)
        regex = re.escape(pieces[0])
        for name, path, literal in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
            regex += f"(?P<{name}>{'.+' if path else '[^/]+?'}){re.escape(literal)}"
        self._regex = re.compile(regex)

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The path's names, decoded, or None where this route does not answer."""
        found = self._regex.fullmatch(path) if method == self.method else None
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


class Emulator:
    """The server. ``latency``: seconds before each answer. ``calls``: what was asked, in the order of arrival."""

    def __init__(self) -> None:
        self.faults, self.latency = Faults(), 0.0
        self.calls: list[dict[str, Any]] = []
        self._closing, self._connections, self._lock = Event(), set[socket.socket](), Lock()
        self._routes = list(self.routes())
        self._server: _Server | None = None

    def routes(self) -> Sequence[Route]:
        """What is answered. The first route that matches does."""
        raise NotImplementedError

    def error(self, status: int) -> Any:
        """The content of a :class:`Status`: what this cloud sends with an error."""
        return {"error": {"code": status, "message": "as the test wants it"}}

    @property
    def port(self) -> int:
        """The port that it listens on."""
        if self._server is None:
            raise RuntimeError("not started: use it as a context manager")
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """Its base URL, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    def count(self, operation: str) -> int:
        """How often an operation was asked for."""
        return sum(call["operation"] == operation for call in self.calls)

    def __enter__(self) -> Any:
        self._server = _Server(self)
        Thread(target=self._server.serve_forever, args=(0.02,), name=type(self).__name__, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def answer(self, request: Request) -> Reply | None:
        """The reply to a request, faults applied. None: the connection is reset."""
        route = self._route(request)
        if route is None:
            return 404, self.error(404), {}
        request.call |= {"operation": route.operation, **request.names}
        self.calls.append(request.call)
        request.fault = self.faults.next() if route.faulty else None
        late = request.fault.seconds if isinstance(request.fault, Delay) else 0
        if self.latency + late and self._closing.wait(self.latency + late):
            return None
        if isinstance(request.fault, Refuse):
            return None
        return self._spoilt(request.fault) or route.answer(request)

    def _route(self, request: Request) -> Route | None:
        for route in self._routes:
            names = route.match(request.method, request.path)
            if names is not None:
                request.names = names
                return route
        return None

    def _spoilt(self, fault: Fault | None) -> Reply | None:
        if isinstance(fault, Status):
            headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
            return fault.status, self.error(fault.status), headers
        if isinstance(fault, Garbage):
            return 200, NOT_JSON, {}
        return (200, {"unexpected": True}, {}) if isinstance(fault, WrongSchema) else None


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close, request_queue_size = True, False, 128

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        super().__init__((LOOPBACK, 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.emulator._lock:
            self.emulator._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.emulator._lock:
            self.emulator._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that went away is no news
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a client waits 40 ms for the second packet
    wbufsize = -1  # head and body in one packet
    server: _Server

    def _handle(self) -> None:
        emulator, parts = self.server.emulator, urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), self.headers, body)
        try:
            reply = emulator.answer(request)
        except Exception:
            reply = 500, {"error": traceback.format_exc()}, {}
            traceback.print_exc()
        if reply is None:
            self._reset()
        else:
            self._send(reply, half=isinstance(request.fault, Reset))

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _handle

    def _send(self, reply: Reply, half: bool) -> None:
        status, content, headers = reply
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if half else body)
        self.wfile.flush()
        if half:
            self._reset()

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())  # at once: the buffers still hold the socket object

    def log_message(self, *message: Any) -> None:
        """Silent: a test's output is no access log."""


def closed_port() -> str:
    """The URL of a port of this machine where nobody listens: a connection to it is refused."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        return f"http://{LOOPBACK}:{taken.getsockname()[1]}"
