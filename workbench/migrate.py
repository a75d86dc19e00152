"""Bringing a database's schema forward, by Alembic; and saying how it differs from the tables that are declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from chalicelib.errors import ArtemisError
from chalicelib.store.schema import REVISION, SCHEMA_VERSION, check, version_of
from chalicelib.store.tables import schema_version
from workbench.retention.locks import change
from workbench.retention.partitions import ensure_partitions

MIGRATIONS = Path(__file__).parent.parent / "migrations"
BEFORE_VERSIONS = {1: "0001", 2: "0002"}  # schemas that did not say which revision they are
ALONE = 0x417274656D6973  # the number of PostgreSQL's lock: "Artemis"

Result = TypeVar("Result")


class NotOurs(ArtemisError):
    """The database holds tables, and they are not Artemis's. Nothing was changed."""


def upgrade(engine: Engine, to: str = "head") -> tuple[str | None, str | None]:
    """Bring the schema forward, all of it or nothing, and make partitions for the months ahead.

    Of several that run at once each waits for the one before. A newer schema that suits this software stays as it is.

    Returns: revision before -> revision after.

    Raises:
        NotOurs: it is somebody else's database.
        SettingsError: its schema is newer, and does not suit this software.
        InUse: PostgreSQL's tables are never free.
    """
    with _alone(engine):
        before, after = _change(engine, lambda connection: _bring(connection, to))
        if after == REVISION:
            ensure_partitions(engine, datetime.now(UTC))
    return before, after


def _bring(connection: Connection, to: str) -> tuple[str | None, str | None]:
    before, config = revision_of(connection), _config(connection)
    if before is None and (tables := inspect(connection).get_table_names()):
        raise NotOurs(_not_ours(tables))
    if before and before not in _known(config):
        if not inspect(connection).has_table(schema_version.name):
            raise NotOurs(_not_ours(inspect(connection).get_table_names()))
        check(connection)
        return before, before
    if before in BEFORE_VERSIONS.values() and not inspect(connection).has_table("alembic_version"):
        command.stamp(config, str(before))
    command.upgrade(config, to)
    return before, revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    """Alembic's name for the schema that a database has; None where it has none."""
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None and connection.dialect.name == "sqlite" and (found := version_of(connection)):
        return BEFORE_VERSIONS.get(found[0])
    return revision


def _known(config: Config) -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def _not_ours(tables: list[str]) -> str:
    some = ", ".join(sorted(tables)[:3]) + (", …" if len(tables) > 3 else "")
    return f"it holds tables that are not of Artemis ({some}): name a database of its own, which may be empty"


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """On PostgreSQL: while nobody else does the same. SQLite has one writer at a time anyway."""
    if engine.dialect.name != "postgresql":
        yield
        return
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("SET lock_timeout = 0"))
        connection.execute(text(f"SELECT pg_advisory_lock({ALONE})"))
        try:
            yield
        finally:
            connection.invalidate()  # the lock and the setting end with the session


def _change(engine: Engine, what: Callable[[Connection], Result]) -> Result:
    if engine.dialect.name == "postgresql":
        return change(engine, what, statement_ms=0)
    with engine.begin() as connection:
        return what(connection)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@dataclass(frozen=True, slots=True)
class Step:
    """A migration that a database has before it. ``what``: in words; ``compatible_from``: the oldest schema whose
    software works after it; ``sql``: on PostgreSQL, None where it cannot be said before it runs."""

    revision: str
    what: str
    compatible_from: int
    sql: str | None


def ahead(connection: Connection) -> list[Step]:
    """The migrations that ``upgrade`` would run, in order. Nothing is changed."""
    config, before = _config(), revision_of(connection)
    scripts = ScriptDirectory.from_config(config)
    if before is not None and before not in _known(config):
        return []
    waiting = [script for script in scripts.iterate_revisions("head", before or "base") if script.revision != before]
    return [
        Step(
            script.revision,
            str(script.doc).strip(),
            getattr(script.module, "COMPATIBLE_FROM", SCHEMA_VERSION),
            _sql(script.down_revision, script.revision),
        )
        for script in reversed(waiting)
    ]


def _sql(before: Any, after: str) -> str | None:
    config = _config()
    config.output_buffer = StringIO()
    config.attributes["dialect"] = "postgresql"
    try:
        command.upgrade(config, f"{before or 'base'}:{after}", sql=True)
    except Exception:  # it looks at rows, which are not there
        return None
    return config.output_buffer.getvalue()
