"""Alembic's entry: who runs it (``workbench.migrate``) gives the connection, or a dialect to say the SQL in."""

from __future__ import annotations

from typing import Any

from alembic import context

from chalicelib.store.tables import metadata

config = context.config


def _ours(name: str | None, kind: str, _parents: Any) -> bool:
    """PostgreSQL's partitions come and go; they are not part of the schema."""
    return kind != "table" or name in metadata.tables


if context.is_offline_mode():
    context.configure(dialect_name=config.attributes["dialect"], target_metadata=metadata)
else:
    context.configure(
        connection=config.attributes["connection"],
        target_metadata=metadata,
        include_name=_ours,
        compare_type=True,
        transaction_per_migration=False,
    )
with context.begin_transaction():
    context.run_migrations()
