"""What ``artemis db check`` finds: whether a database suits this version of Artemis."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from chalicelib.errors import SettingsError
from chalicelib.settings import DEFAULT_DATABASE
from chalicelib.store.reading import Unreadable, open_unchecked
from chalicelib.store.schema import SCHEMA_VERSION, UPGRADE, check_version, holds_nothing, version_of
from workbench.drift import drift
from workbench.retention.partitions import partitions

LEAST_MONTHS = 2  # this one and the next


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found.

    Args:
        version: of the schema; None where there is none.
        needed: by this version of Artemis.
        months: that have partitions, from the present one on; None for SQLite, or where the schema does not suit.
        problems: sentences.
    """

    version: int | None
    needed: int
    months: int | None
    problems: list[str]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check(engine: Engine) -> Checked:
    """Look at a database, without changing anything. Raises SQLAlchemyError when it cannot be read."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        found = version_of(connection)
        version = found[0] if found else None
        try:
            check_version(found)
        except SettingsError as error:
            return Checked(version, SCHEMA_VERSION, None, error.problems)
        months, problems = _partitions(connection)
        if version == SCHEMA_VERSION:  # a newer one has more than is declared here
            problems = drift(connection) + problems
    return Checked(version, SCHEMA_VERSION, months, problems)


def refuse_unsuitable(url: str) -> None:
    """Raises SettingsError when the service would refuse this database, with what to do.

    One that is not there, is empty or does not answer is no reason: it is made, or may come. Nothing is changed.
    """
    try:
        engine, _ = open_unchecked(url)
    except Unreadable:
        return
    try:
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            found = version_of(connection)
            if found is None and engine.dialect.name == "sqlite" and holds_nothing(connection):
                return
    except SQLAlchemyError:
        return
    finally:
        engine.dispose()
    try:
        check_version(found)
    except SettingsError as error:
        is_named = url.startswith("sqlite") and url != DEFAULT_DATABASE  # ARTEMIS_DATABASE_URL may be another by now
        option = f"{UPGRADE[:-1]} --database {url}`" if is_named else UPGRADE
        raise SettingsError([problem.replace(UPGRADE, option) for problem in error.problems]) from None


def _partitions(connection: Connection) -> tuple[int | None, list[str]]:
    found = partitions(connection, datetime.now(UTC))
    if found is None:
        return None, []
    if found.ready >= LEAST_MONTHS:
        return found.ready, []
    missing = "next month has" if found.ready else "this month has"
    return found.ready, [f"{missing} no partitions: run `artemis db upgrade`, once a month"]
