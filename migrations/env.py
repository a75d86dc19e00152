"""Alembic's entry: the connection is given by who runs it (``workbench.migrate``)."""

from __future__ import annotations

from typing import Any

from alembic import context

from chalicelib.store.tables import metadata

config = context.config


def _ours(name: str | None, kind: str, _parents: Any) -> bool:
    """PostgreSQL's partitions come and go; they are not part of the schema."""
    return kind != "table" or name in metadata.tables


context.configure(
    connection=config.attributes["connection"],
    target_metadata=metadata,
    include_name=_ours,
    compare_type=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
