"""Changing tables of a PostgreSQL database that is in use.

A change waits for those who use the table, and everybody who comes later waits behind it. So it waits only briefly,
gives up, and tries again: writers are held up for ``LOCK_WAIT_MS`` at most, less than it takes PostgreSQL to look for
a deadlock (1 s) or a decision to give up (2 s).
"""

from __future__ import annotations

from collections.abc import Callable
from time import sleep
from typing import TypeVar

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from chalicelib.errors import ArtemisError

LOCK_WAIT_MS = 500
ATTEMPTS = 20
PAUSE = 0.5  # seconds between two attempts, in which others get their turn
GAVE_UP = {"55P03", "40P01"}  # lock_not_available, deadlock_detected

Result = TypeVar("Result")


class InUse(ArtemisError):
    """The tables were in use each time; nothing was changed."""


def change(engine: Engine, what: Callable[[Connection], Result], statement_ms: int = 60_000) -> Result:
    """``what(connection)`` in a transaction, tried again while locks cannot be had. Raises InUse."""
    for attempt in range(ATTEMPTS):
        if attempt:
            sleep(PAUSE)
        try:
            with engine.begin() as connection:
                connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}"))
                connection.execute(text(f"SET LOCAL statement_timeout = {statement_ms}"))
                return what(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in GAVE_UP:
                raise
    raise InUse(
        f"the tables were in use each of {ATTEMPTS} times: a long transaction holds them (see pg_stat_activity); "
        "what was done before stays done; run it again"
    )
