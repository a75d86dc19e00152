"""Ports of this machine that behave as a broken network does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from threading import Event, Thread

from tests.emulators.server import LOOPBACK


@contextmanager
def full() -> Iterator[str]:
    """The URL of a port whose queue of connections is full: the kernel drops what would be one more."""
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"


@contextmanager
def dribbling(port: int, connections: int = 1000) -> Iterator[str]:
    """The URL of a relay that passes on whole requests, and of the first connections' answers ten bytes a second."""
    stopped = Event()
    with socket.create_server((LOOPBACK, 0)) as listener:
        Thread(target=_relay, args=(listener, port, connections, stopped), daemon=True).start()
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        stopped.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _relay(listener: socket.socket, port: int, connections: int, stopped: Event) -> None:
    with suppress(OSError):
        for number in count():
            client, _ = listener.accept()
            target = socket.create_connection((LOOPBACK, port))
            for source, sink, slow in ((client, target, False), (target, client, number < connections)):
                Thread(target=_pump, args=(source, sink, slow, stopped), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, slow: bool, stopped: Event) -> None:
    with suppress(OSError):
        while data := source.recv(1 if slow else 65536):
            sink.sendall(data)
            if slow and stopped.wait(0.1):
                break
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
