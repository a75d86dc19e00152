"""What ``artemis db check`` finds: whether a database suits this version of Artemis."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine

from chalicelib.errors import SettingsError
from chalicelib.store.schema import SCHEMA_VERSION, check_version, version_of
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


def _partitions(connection: Connection) -> tuple[int | None, list[str]]:
    found = partitions(connection, datetime.now(UTC))
    if found is None or found.ready >= LEAST_MONTHS:
        return found and found.ready, []
    missing = "next month has" if found.ready else "this month has"
    return found.ready, [f"{missing} no partitions: run `artemis db upgrade`, once a month"]
