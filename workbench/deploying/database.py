"""The database is brought forward before the code that needs it, by migrations that the live code can live with.

A migration adds (expand): what is live goes on as if nothing had happened. What takes something away (contract) comes
with a later deployment, when nothing that is live, or may be gone back to, needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from workbench.migrate import Step, ahead, revision_of, upgrade
from workbench.shipping.errors import CannotShip

# What a statement of PostgreSQL does to the code that is live -> how it looks.
BREAKS = {
    "takes a table away": r"\bDROP\s+TABLE\b",
    "takes a column away": r"\bDROP\s+COLUMN\b",
    "deletes rows": r"\bDELETE\s+FROM\b|\bTRUNCATE\b",
    "renames": r"\bRENAME\b",
    "changes a column's type": r"\bALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE\b",
    "refuses what is empty": r"\bSET\s+NOT\s+NULL\b",
    "adds a column that inserts have to fill": r"\bADD\s+COLUMN\s+(?![^;]*\bDEFAULT\b)[^;]*\bNOT\s+NULL\b",
}
ELSEWHERE = "run this where it can be reached, or `artemis db upgrade` there and then this with --no-migrate"


@dataclass(frozen=True, slots=True)
class Migration:
    """What a database has before it. ``destructive``: why the code that is live would not survive it."""

    shown: str
    before: str | None
    steps: list[Step]
    destructive: list[str] = field(default_factory=list)


def look(url: str, live_schema: int | None) -> Migration:
    """What would be done, of which nothing is. ``live_schema``: that of what is live. Raises CannotShip."""
    from chalicelib.store.reading import NoDatabase, open_unchecked

    with _told():
        try:
            engine, shown = open_unchecked(url)
        except NoDatabase:  # an embedded one, which is made
            engine, shown = create_engine("sqlite://"), "a new database"
        try:
            with engine.connect() as connection:
                before, steps = revision_of(connection), ahead(connection)
        finally:
            engine.dispose()
    live = live_schema or (int(before) if before else None)
    return Migration(shown, before, steps, [] if live is None else list(destructive(steps, live)))


def bring(url: str) -> None:
    """Brings it forward, all of it or nothing. Raises CannotShip."""
    from chalicelib.store.database import open_engine
    from workbench.retention.locks import InUse

    with _told():
        engine = open_engine(url, patient=True)
        try:
            upgrade(engine)
        except InUse as error:
            raise CannotShip(f"the database is left as it is: {error}") from None
        finally:
            engine.dispose()


def destructive(steps: list[Step], live: int) -> Iterator[str]:
    """Why software for schema ``live`` would not survive migrations."""
    for step in steps:
        name = f"migration {step.revision}"
        if step.compatible_from > live:
            yield f"{name}: software for schema {live}, which is live, does not work with it"
        if step.sql is None:
            yield f"{name}: what it does cannot be told before it runs"
            continue
        for what, form in BREAKS.items():
            if found := re.search(form, step.sql, re.IGNORECASE):
                yield f"{name} {what}: {_statement(step.sql, found.start())}"


def _statement(sql: str, at: int) -> str:
    """The statement around a place, on one line."""
    start, end = sql.rfind(";", 0, at) + 1, sql.find(";", at)
    lines = [line for line in sql[start : end if end > 0 else None].splitlines() if not line.startswith("--")]
    return " ".join(" ".join(lines).split())[:200]


@contextmanager
def _told() -> Iterator[None]:
    from chalicelib.errors import ArtemisError, SettingsError
    from chalicelib.store.reasons import reason

    try:
        yield
    except SettingsError as error:
        raise CannotShip(*error.problems) from None
    except ArtemisError as error:
        raise CannotShip(f"the database: {error}; {ELSEWHERE}") from None
    except SQLAlchemyError as error:
        raise CannotShip(f"the database cannot be used: {reason(error)}; {ELSEWHERE}") from None
