"""Statements compiled once by SQLAlchemy, for a driver to execute as they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, Table, UpdateBase, insert


class Insert:
    """An INSERT of whole rows: its text in the driver's style, and rows as its parameters."""

    def __init__(self, table: Table, dialect: Dialect, or_ignore: bool = False) -> None:
        compiled = insert(table).compile(dialect=dialect)
        # what both SQLite and PostgreSQL say for: another was faster, and its row is as good
        self.sql = str(compiled) + (" ON CONFLICT DO NOTHING" if or_ignore else "")
        self._order = compiled.positiontup
        self._processors = {
            column.name: processor
            for column in table.columns
            if (processor := column.type.dialect_impl(dialect).bind_processor(dialect))
        }

    def parameters(self, row: dict[str, Any]) -> Any:
        """``row`` as the driver takes it: values by position, or by name."""
        row = {**row, **{name: process(row[name]) for name, process in self._processors.items()}}
        return row if self._order is None else [row[name] for name in self._order]


class Statement:
    """A statement with named parameters that need no conversion, such as texts."""

    def __init__(self, statement: UpdateBase, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql, self._order, self._fixed = str(compiled), compiled.positiontup, compiled.params

    def parameters(self, values: dict[str, Any]) -> Any:
        """``values`` by parameter's name, as the driver takes them."""
        named = {**self._fixed, **values}
        return named if self._order is None else [named[name] for name in self._order]


class Batch:
    """What a transaction consists of."""

    __slots__ = ("cursor",)

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor

    def add(self, statement: Insert | Statement, *rows: dict[str, Any]) -> None:
        """Insert rows, or execute a statement with each row's values."""
        if len(rows) == 1:
            self.cursor.execute(statement.sql, statement.parameters(rows[0]))
        elif rows:
            self.cursor.executemany(statement.sql, list(map(statement.parameters, rows)))

    def first(self, statement: Statement, values: dict[str, Any]) -> Any:
        """Execute a statement now, in a round trip of its own: the first row that it returns, or None."""
        self.cursor.execute(statement.sql, statement.parameters(values))
        return self.cursor.fetchone()
