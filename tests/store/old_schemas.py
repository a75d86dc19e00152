"""Databases that older versions wrote, and what makes a database's schema comparable."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect

SCHEMAS = Path(__file__).parent / "schemas"  # dumps of what those versions wrote


def write_old(version: int, path: Path) -> str:
    """A SQLite database as the version with this schema wrote it, with two decisions. Returns its URL."""
    connection = sqlite3.connect(path)
    connection.executescript((SCHEMAS / f"schema_{version}.sql").read_text("utf-8"))
    connection.close()
    return f"sqlite:///{path}"


def described(connection: Connection) -> dict[str, Any]:
    """Table -> columns in order, primary key, foreign keys, unique constraints and indexes; and the stamp."""
    inspector = inspect(connection)
    found: dict[str, Any] = {}
    for table in sorted(inspector.get_table_names()):
        columns = [(each["name"], str(each["type"]), each["nullable"]) for each in inspector.get_columns(table)]
        keys = [
            (key["constrained_columns"], key["referred_table"], key["referred_columns"], key["options"])
            for key in inspector.get_foreign_keys(table)
        ]
        unique = [each["column_names"] for each in inspector.get_unique_constraints(table)]
        indexes = [(each["name"], each["column_names"], each["unique"]) for each in inspector.get_indexes(table)]
        primary = inspector.get_pk_constraint(table)["constrained_columns"]
        found[table] = (columns, primary, sorted(keys, key=repr), sorted(unique), sorted(indexes, key=repr))
    for table in ("alembic_version", "schema_version"):
        found[f"rows of {table}"] = [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]
    return found
