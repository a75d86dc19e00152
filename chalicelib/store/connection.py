"""Connections to PostgreSQL that do not keep anybody waiting: dead ones are not given out, silent ones are given up."""

from __future__ import annotations

import select
from collections.abc import Generator
from time import monotonic, time
from typing import Any

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError

IDLE = 5.0  # seconds after which a pooled connection is asked whether it is still there
ANSWER = 1.5  # seconds that it has for its answer
USED = "used_at"


class Connection(psycopg.Connection[Any]):
    """One that is given up when the server says nothing to a statement for ``silence`` seconds; None: never."""

    silence: float | None = None

    def wait(self, gen: PQGen[Any], *arguments: Any, **named: Any) -> Any:
        if self.silence is not None:
            gen = self._listening(gen, self.silence)
        return super().wait(gen, *arguments, **named)

    def _listening(self, gen: PQGen[Any], silence: float) -> Generator[Any, Any, Any]:
        """``gen`` as it is, but it ends when nothing comes."""
        until = monotonic() + silence
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready:
                    until = monotonic() + silence
                elif monotonic() > until:
                    self.pgconn.finish()  # or the pool would wait for its end, too
                    raise psycopg.OperationalError(f"the server said nothing for {silence:g} seconds")
                state = gen.send(ready)
        except StopIteration as end:
            return end.value


def connect(arguments: dict[str, Any], silence: float | None) -> Connection:
    """A new connection by the driver's arguments."""
    made = Connection.connect(**arguments)
    made.silence = silence
    return made


def watch_pool(engine: Engine) -> None:
    """Give out no connection that is dead.

    Whether the other side has hung up is seen without asking it. A network that went away is not, nor a frozen server,
    and a Lambda that was frozen misses what happened: a connection that was not used for a while is asked. While a
    process is frozen its monotonic clock stands still, so this goes by the wall clock.
    """
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _refuse_dead)


def _note_use(_connection: Any, record: Any) -> None:
    record.info[USED] = time()


def _refuse_dead(connection: psycopg.Connection[Any], record: Any, _proxy: Any) -> None:
    used = record.info.get(USED)
    if used is None:  # just made
        return
    if _has_hung_up(connection.pgconn):
        raise DisconnectionError
    if abs(time() - used) > IDLE and not _answers(connection.pgconn):
        raise InvalidatePoolError  # the others will be no better, and to ask each takes its time


def _has_hung_up(pgconn: pq.abc.PGconn) -> bool:
    """Something came though nothing was asked: a farewell; or a notice, which is no trouble."""
    try:
        if not _comes(pgconn, 0):
            return False
        pgconn.consume_input()
        return _comes(pgconn, 0)  # an end can be read again and again
    except psycopg.OperationalError:
        return True


def _answers(pgconn: pq.abc.PGconn) -> bool:
    """Whether the server answers an empty query, in time."""
    until = monotonic() + ANSWER
    try:
        pgconn.send_query(b"")
        while True:
            while pgconn.is_busy():
                if not _comes(pgconn, until - monotonic()):
                    return False
                pgconn.consume_input()
            if pgconn.get_result() is None:
                return True
    except psycopg.OperationalError:
        return False


def _comes(pgconn: pq.abc.PGconn, seconds: float) -> bool:
    """Whether there is something to read, within that time."""
    poll = select.poll()  # select() itself takes no descriptor above 1023
    poll.register(pgconn.socket, select.POLLIN)
    return bool(poll.poll(max(0, int(seconds * 1000))))
