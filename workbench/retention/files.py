"""SQLite keeps what was deleted: in free pages, in what is left over on used ones, and in its log.

Free pages are written over with zeros as they become free; to be sure of the rest the file is written anew.
"""

from __future__ import annotations

from time import monotonic, sleep
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError

from chalicelib.store.database import Database

PATIENCE = 20.0  # seconds for others to end their transactions


def write_over(database: Database) -> None:
    """From now on what is deleted is written over with zeros. For a database that is not used yet."""
    if database.dialect.name == "sqlite":
        database.engine.dispose()  # a connection that was made before would not do it
        event.listen(database.engine, "connect", _write_over)


def empty_log(database: Database) -> str | None:
    """Bring the log's content into the file, and empty it. Why that cannot be done now, or None."""
    if database.dialect.name != "sqlite":
        return None
    until = monotonic() + PATIENCE
    while True:
        with database.read() as connection:
            is_busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
        if not is_busy:
            return None
        if monotonic() > until:
            return "another process reads the database all the time, so its log still holds what was deleted"
        sleep(0.1)


def write_anew(database: Database) -> str | None:
    """Write the file anew, with what is in it now and nothing else. Why that cannot be done now, or None.

    Takes the time and twice the room of a copy, during which others can read and not write.
    """
    if database.dialect.name != "sqlite":
        return None
    try:
        with database.read() as connection:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={int(PATIENCE * 1000)}")
            try:
                connection.exec_driver_sql("VACUUM")
            finally:
                connection.invalidate()  # with what was set for it
    except Exception as error:
        cause = error.__cause__
        if not isinstance(cause, DBAPIError):
            raise
        return f"the file cannot be written anew ({cause.orig}): what was deleted may still be found in it"
    return empty_log(database)


def _write_over(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA secure_delete=ON")
