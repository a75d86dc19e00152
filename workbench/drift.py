"""How a database's schema differs from the tables that are declared, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

import chalicelib.store.alert_tables
import chalicelib.store.challenger_tables  # noqa: F401  (they belong to the metadata)
from chalicelib.store.tables import metadata
from workbench.retention.partitions import PARTITIONED

LACKS = "table {0} lacks {1}"
HAS = "table {0} has {1}, which is not declared"
# what would have to be done to the database, as Alembic says it -> how it is now
SENTENCES = {
    "add_table": "table {0} is missing",
    "add_column": LACKS,
    "remove_column": HAS,
    "add_index": LACKS,
    "remove_index": HAS,
    "add_constraint": LACKS,
    "remove_constraint": HAS,
    "add_fk": LACKS,
    "remove_fk": HAS,
}

UNPAIRED = text(
    "SELECT inhrelid::regclass::text FROM pg_inherits "
    "WHERE inhparent IN (to_regclass('task_results'), to_regclass('paid_answers')) AND NOT EXISTS "
    "(SELECT FROM pg_constraint WHERE conrelid = inhrelid AND contype = 'f')"
)


def drift(connection: Connection) -> list[str]:
    """Every difference, sorted. Partitions of PostgreSQL are none: they come and go."""
    is_partitioned = connection.dialect.name == "postgresql"
    options = {
        "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
        "include_object": lambda item, _name, kind, *_: (
            not (is_partitioned and kind == "foreign_key_constraint" and _is_of_partitions(item))
        ),
        "compare_type": True,
    }
    context = MigrationContext.configure(connection, opts=options)
    found = {sentence for each in compare_metadata(context, metadata) for sentence in _sentences(each)}
    if is_partitioned:
        found |= {f"partition {name} has no foreign key to decisions" for (name,) in connection.execute(UNPAIRED)}
    return sorted(found)


def _is_of_partitions(key: Any) -> bool:
    """A partition refers to another; and what refers to a partitioned table is seen to refer to each partition, too."""
    target = key.elements[0].target_fullname.partition(".")[0]
    return key.table.name in PARTITIONED or target not in metadata.tables


def _sentences(difference: Any) -> Iterator[str]:
    """One difference as Alembic tells it; what is modified of a column comes as a list."""
    if isinstance(difference, list):
        for kind, _, table, column, _, found, declared in difference:
            yield _modified(kind, f"column {table}.{column}", found, declared)
        return
    kind, *_, item = difference
    table = difference[2] if kind.endswith("_column") else item.name if kind == "add_table" else item.table.name
    yield SENTENCES.get(kind, f"table {{0}}: {kind} {{1}}").format(table, _call(kind, item))


def _modified(kind: str, column: str, found: Any, declared: Any) -> str:
    if kind == "modify_nullable":
        return f"{column} {'may' if found else 'may not'} be NULL, and is declared otherwise"
    return f"{column} is {found!r}, and {declared!r} is declared"


def _call(kind: str, item: Any) -> str:
    if kind.endswith(("_fk", "_constraint")):
        what = "foreign key" if kind.endswith("_fk") else type(item).__name__
        return f"{what} on {', '.join(column.name for column in item.columns)}"
    return f"{kind.rpartition('_')[2]} {item.name}"
