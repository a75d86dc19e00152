"""gunicorn with threads, set up for this service.

The listening socket is opened here and handed to gunicorn, so a port in use is one sentence and nothing
else is bound. The app is made in each worker, after the fork: an app that refuses its settings says so to
the master through a piece of shared memory, and the master prints it once and exits with code 2. A worker
leaves by ``os._exit``, because Python would wait for threads that may never end.
"""

from __future__ import annotations

import logging
import mmap
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from chalice.app import Chalice
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers import gthread

from chalicelib.errors import SettingsError
from serving.wsgi import MAX_BODY, WsgiAdapter

CANNOT_RUN = 2  # exit code
GRACE_SECONDS = 1  # for requests in flight when the server is told to stop
STALL_SECONDS = 10  # a client that neither sends nor takes a byte for this long gives its thread back
LINGER_SECONDS = 1  # for a client to hang up after its last answer
BACKLOG = 1024

SETTINGS = {
    "worker_connections": 1000,
    # Watches a worker's main loop, not its requests: it ends a worker in which something holds the GIL
    # for longer than a decision may take (25 s).
    "timeout": 30,
    # The master's patience. A worker's own is GRACE_SECONDS, so it normally leaves before it is killed.
    "graceful_timeout": GRACE_SECONDS + 1,
    "keepalive": 75,  # longer than the usual 60 s of a load balancer, which then closes first
    "limit_request_line": 8190,
    "limit_request_fields": 64,
    "limit_request_field_size": 8190,
    # Nobody may set SCRIPT_NAME or the scheme by a header, not even from this machine.
    "forwarded_allow_ips": "",
    "control_socket_disable": True,  # gunicorn 25 and later would bind a unix socket in the home folder
    "loglevel": "warning",
    "accesslog": None,
}


def serve(
    app_factory: Callable[[], Chalice],
    host: str = "127.0.0.1",
    port: int = 8000,
    workers: int = 1,
    threads: int = 8,
    max_body: int = MAX_BODY,
    on_ready: Callable[[str], None] | None = None,
    on_exit: Callable[[int], None] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then returns.

    ``port`` 0 takes a free one; ``on_ready`` is called once with the URL when the socket listens, ``on_exit`` with the
    pid of each worker that ended. An app
    that cannot be made, or an address that cannot be had, exits with code 2 and says why on stderr.
    """
    listener = _listen(host, port)
    own: dict[str, Any] = {"bind": f"fd://{listener.detach()}", "workers": workers, "threads": threads}
    if on_exit:
        own["child_exit"] = lambda _arbiter, worker: on_exit(worker.pid)
    server = _Server(lambda: WsgiAdapter(app_factory(), max_body), own, on_ready)
    code = server.run_to_end()
    if refusal := server.refusal():
        _exit(refusal)
    if code in (Arbiter.WORKER_BOOT_ERROR, Arbiter.APP_LOAD_ERROR):
        _exit("cannot start: the app could not be made, see above")
    if code:
        raise SystemExit(code)


def _listen(host: str, port: int) -> socket.socket:
    try:
        # Without the port: getaddrinfo takes 70000 for 4464.
        family, kind, _, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _guard_threads(listener)
        listener.bind((address[0], port, *address[2:]))
        listener.listen(BACKLOG)
    except OverflowError:
        _exit(f"cannot serve on {host}, port {port}: a port is a number from 0 to 65535")
    except OSError as error:
        _exit(f"cannot serve on {host}, port {port}: {(error.strerror or str(error)).lower()}")
    return listener


def _guard_threads(listener: socket.socket) -> None:
    """Accepted connections inherit these: gunicorn itself lets a thread wait for a client without end."""
    stall = struct.pack("@ll", STALL_SECONDS, 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, stall)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, stall)


def _exit(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(CANNOT_RUN)


def _is_no_stall(record: logging.LogRecord) -> bool:
    """gunicorn closes a client that stalls within its headers, with a traceback that says nothing."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))


def _drain(connection: socket.socket) -> None:
    """Lets the client read the answer before the close: data left unread would turn it into a reset."""
    deadline = time.monotonic() + LINGER_SECONDS
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(LINGER_SECONDS)
        while time.monotonic() < deadline and connection.recv(1 << 16):
            pass
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)  # what gunicorn then reads ends at once


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    def __init__(
        self,
        make_wsgi: Callable[[], WsgiAdapter],
        own: dict[str, Any],
        on_ready: Callable[[str], None] | None,
    ) -> None:
        self._make_wsgi, self._own, self._on_ready = make_wsgi, own, on_ready
        self._refusal = mmap.mmap(-1, 1 << 16)  # shared with the workers
        super().__init__()

    def load_config(self) -> None:
        settings = {**SETTINGS, **self._own, "worker_class": _Worker, "when_ready": self._ready}
        for name, value in settings.items():
            if name in self.cfg.settings:  # older versions lack some
                self.cfg.set(name, value)

    def load(self) -> WsgiAdapter:
        return self._make_wsgi()

    def _ready(self, arbiter: Arbiter) -> None:
        if self._on_ready:
            self._on_ready(str(arbiter.LISTENERS[0]))
        sys.stdout.flush()  # or every worker inherits, and repeats, what is still in the buffer

    def run_to_end(self) -> int:
        """The exit code gunicorn would have ended this process with."""
        try:
            Arbiter(self).run()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    def refuse(self, message: str) -> None:
        """Called in a worker. Several write the same: they had the same settings."""
        text = message.encode()[: len(self._refusal)]
        self._refusal[: len(text)] = text

    def refusal(self) -> str:
        return bytes(self._refusal).rstrip(b"\0").decode("utf-8", "replace")


class _Worker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def handle(self, conn: Any) -> Any:
        """gunicorn's, but no client makes others wait.

        gunicorn lets a thread wait 5 s for a new connection to say something: here the main loop waits.
        It drains a connection that is to end in the main loop, so that a client that does not hang up stops
        everybody for 2 s: here the thread does it.
        """
        if not (conn.initialized or conn.data_ready or conn.wait_for_data(0)):
            return gthread._DEFER
        keep = super().handle(conn)
        if not keep:
            _drain(conn.sock)
        return keep

    def init_process(self) -> None:
        """The whole life of the worker process. Never returns into the master's call stack."""
        self.cfg.set("graceful_timeout", GRACE_SECONDS)
        self.log.error_log.addFilter(_is_no_stall)
        failed = False
        try:
            super().init_process()
        except SettingsError as error:
            self.app.refuse(str(error))
            os.kill(self.ppid, signal.SIGTERM)  # a failed boot would be told in gunicorn's words, too
        except SystemExit as end:
            failed = bool(end.code)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except Exception:
            failed = True
            self.log.exception("the worker failed")
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        # Only the boot error keeps gunicorn from starting the next worker, and the next.
        os._exit((1 if self.booted else Arbiter.WORKER_BOOT_ERROR) if failed else 0)
