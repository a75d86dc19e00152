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
    """An UPDATE or DELETE with named parameters, which are texts: they need no conversion."""

    def __init__(self, statement: UpdateBase, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql, self._order, self._fixed = str(compiled), compiled.positiontup, compiled.params

    def parameters(self, values: dict[str, Any]) -> Any:
        """``values`` by parameter's name, as the driver takes them."""
        named = {**self._fixed, **values}
        return named if self._order is None else [named[name] for name in self._order]
