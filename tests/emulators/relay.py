"""A TCP relay on a free port of 127.0.0.1 in front of another port: it can reset what passes through it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

from tests.emulators.server import LOOPBACK

CHUNK = 256 * 1024


class Relay:
    """Listens from when it is made until :meth:`close`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listener.getsockname()[1])
        self._clients: set[socket.socket] = set()
        self._lock = Lock()
        Thread(target=self._accept, name="relay", daemon=True).start()

    def reset(self) -> None:
        """Reset every connection that is open now: the client gets RST, not an orderly end."""
        with self._lock:
            clients, self._clients = self._clients, set()
        for client in clients:
            with suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.shutdown(socket.SHUT_RD)  # wakes whoever reads from it; the close below then resets
            client.close()

    def close(self) -> None:
        """Stop listening, and reset what is open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection((LOOPBACK, self._target))
            except OSError:
                return
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._clients.add(client)
            for source, sink in ((client, server), (server, client)):
                Thread(target=self._pump, args=(source, sink), name="relay", daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def silent_port() -> Iterator[int]:
    """A port where a connection is taken and nothing is ever answered."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield int(listener.getsockname()[1])
