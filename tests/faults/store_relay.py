"""A relay in front of PostgreSQL that understands as much of its protocol as cutting between two messages takes.

It listens on a port of 127.0.0.1 and passes on to the server's Unix socket. Messages are those of the client, numbered
from 1 over all connections: what is asked, one statement of a pipeline being several (parse, bind, execute …).
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from threading import Condition, Lock, Thread
from time import monotonic
from urllib.parse import parse_qs, urlsplit

LOOPBACK = "127.0.0.1"
CHUNK = 64 * 1024
RESET = struct.pack("ii", 1, 0)


class PgRelay:
    """Listens from when it is made until :meth:`close`.

    Args:
        server: a PostgreSQL URL with ``host=<folder of the socket>``.
    """

    def __init__(self, server: str) -> None:
        parts = urlsplit(server)
        self._path = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._database = parts.path
        self._lock, self._open = Condition(Lock()), set[socket.socket]()
        self._stalled = False
        self._cutting = set[socket.socket]()
        self.messages: list[str] = []
        self._cut: tuple[int, bool] | None = None
        self._listener: socket.socket | None = None
        self.port = 0
        self.listen()

    @property
    def url(self) -> str:
        return f"postgresql://postgres:planted-password-7f3a@{LOOPBACK}:{self.port}{self._database}"

    def listen(self) -> None:
        """Take connections, again on the same port where there was one."""
        self._listener = socket.create_server((LOOPBACK, self.port))
        self.port = int(self._listener.getsockname()[1])
        Thread(target=self._accept, args=(self._listener,), name="pg-relay", daemon=True).start()

    def refuse(self) -> None:
        """Nobody listens any more, and what is open is reset: the server is gone."""
        listener, self._listener = self._listener, None
        if listener:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.reset()

    def reset(self) -> None:
        """Reset every connection that is open now."""
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            _reset(end)

    def stall(self, stalled: bool = True) -> None:
        """Pass nothing on, either way, but keep every connection: the server hangs. Then go on."""
        with self._lock:
            self._stalled = stalled
            self._lock.notify_all()

    def cut_at(self, number: int, after: bool) -> None:
        """Reset the connection before, or after, the server gets this message; counted from here on."""
        with self._lock:
            self.messages.clear()
            self._cut = number, after

    def count(self) -> None:
        """Count from here on, and cut nothing."""
        with self._lock:
            self.messages.clear()
            self._cut = None

    def settle_cut(self) -> None:
        """Wait until the server has done with the connections that were cut."""
        end = monotonic() + 20
        with self._lock:
            while self._cutting:
                assert self._lock.wait(end - monotonic()), "the server still works on a connection that was cut"

    def close(self) -> None:
        self.stall(False)
        self.refuse()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._path)
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open.add(client)
            Thread(target=self._ask, args=(client, server), name="pg-relay", daemon=True).start()
            Thread(target=self._answer, args=(server, client), name="pg-relay", daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        """Client to server, message by message."""
        buffer, typed = b"", False
        with suppress(OSError):
            while data := client.recv(CHUNK):
                buffer += data
                while (message := _first(buffer, typed)) is not None:
                    buffer = buffer[len(message) :]
                    typed = typed or message[4:6] == b"\0\3"  # the startup message: protocol 3
                    if not self._pass(message, client, server):
                        return
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _pass(self, message: bytes, client: socket.socket, server: socket.socket) -> bool:
        self._wait()
        with self._lock:
            self.messages.append(_name(message))
            is_cut = self._cut is not None and self._cut[0] == len(self.messages)
            after = self._cut is not None and self._cut[1]
            if is_cut:
                self._open.discard(client)
                self._cutting.add(server)
        if not is_cut or after:
            server.sendall(message)
        if is_cut:
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)  # it works off what it has got, and then sees the end
            _reset(client)
        return not is_cut

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        """Server to client, as it comes; to the server's end, also when the client is gone."""
        with suppress(OSError):
            while data := server.recv(CHUNK):
                self._wait()
                with suppress(OSError):
                    client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        server.close()
        with self._lock:
            self._cutting.discard(server)
            self._lock.notify_all()

    def _wait(self) -> None:
        with self._lock:
            while self._stalled:
                self._lock.wait()


def _first(buffer: bytes, typed: bool) -> bytes | None:
    """The first whole message; those that open a connection have no type in front of their length."""
    start = 1 if typed else 0
    if len(buffer) < start + 4:
        return None
    length = start + int(struct.unpack("!I", buffer[start : start + 4])[0])
    return buffer[:length] if len(buffer) >= length else None


def _name(message: bytes) -> str:
    """The kind of a message; of one that holds a statement, that too."""
    if not message[0]:
        return "startup"
    return message[:1].decode() + (message[5:].split(b"\0")[1][:60].decode() if message[:1] == b"P" else "")


def _reset(end: socket.socket) -> None:
    """RST, not an orderly end."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RD)  # wakes whoever reads from it; the close then resets
    end.close()
