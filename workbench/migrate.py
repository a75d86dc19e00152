"""Bringing a database's schema forward, by Alembic."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, inspect

from chalicelib.store.schema import REVISION, version_of
from workbench.retention.partitions import ensure_partitions

MIGRATIONS = Path(__file__).parent.parent / "migrations"
BEFORE_VERSIONS = {1: "0001", 2: "0002"}  # schemas that did not say which revision they are


def upgrade(engine: Engine, to: str = "head") -> tuple[str | None, str | None]:
    """Bring the schema forward, all of it or nothing, and make partitions for the months ahead.

    Revision before -> revision after. Raises InUse when the tables are never free for a partition.
    """
    with engine.begin() as connection:
        before = revision_of(connection)
        config = _config(connection)
        if before and before in BEFORE_VERSIONS.values() and not inspect(connection).has_table("alembic_version"):
            command.stamp(config, before)
        command.upgrade(config, to)
        after = revision_of(connection)
    if after == REVISION:
        ensure_partitions(engine, datetime.now(UTC))
    return before, after


def revision_of(connection: Connection) -> str | None:
    """Alembic's name for the schema that a database has; None where it has none."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None and connection.dialect.name == "sqlite" and (found := version_of(connection)):
        return BEFORE_VERSIONS.get(found[0])
    return revision


def _config(connection: Connection) -> Any:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
