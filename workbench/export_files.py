"""Writing exported rows: JSON lines, or Parquet for columns. Both are written as they come, some rows at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, Protocol

from workbench.export import COLUMNS, Row

ROW_GROUP = 10_000  # rows of a Parquet file that are compressed together, and in memory until then


class Writer(Protocol):
    """Writes rows to a binary file that its caller opens and closes."""

    def add(self, rows: list[Row]) -> None: ...

    def end(self) -> None:
        """All rows are there."""


class Lines:
    """A JSON object a line, in UTF-8; what is stored as JSON goes in as it is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def add(self, rows: list[Row]) -> None:
        self._file.write("".join(map(_line, rows)).encode())

    def end(self) -> None:
        self._file.flush()


PLAIN = [name for name, kind in COLUMNS.items() if kind != "json"]
JSON = [name for name, kind in COLUMNS.items() if kind == "json"]


def _line(row: Row) -> str:
    plain = _encode({name: row[name] for name in PLAIN} | {"created_at": row["created_at"].isoformat()})
    return plain[:-1] + "".join(f',"{name}":{row[name] or "null"}' for name in JSON) + "}\n"


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Parquet:
    """Columns with types: times in UTC, numbers as float64; what is JSON is a string that holds JSON."""

    def __init__(self, file: IO[bytes]) -> None:
        from pyarrow import parquet  # type: ignore[import-untyped]  # loaded for this format only

        self._schema, self._waiting = _schema(), list[Row]()
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")

    def add(self, rows: list[Row]) -> None:
        self._waiting += rows
        if len(self._waiting) >= ROW_GROUP:
            self._write()

    def end(self) -> None:
        if self._waiting:
            self._write()
        self._writer.close()

    def _write(self) -> None:
        from pyarrow import Table

        columns = {name: [row[name] for row in self._waiting] for name in COLUMNS}
        self._writer.write_table(Table.from_pydict(columns, self._schema))
        self._waiting = []


def _schema() -> Any:
    import pyarrow

    types = {"time": pyarrow.timestamp("us", tz="UTC"), "number": pyarrow.float64()}
    return pyarrow.schema([(name, types.get(kind, pyarrow.string())) for name, kind in COLUMNS.items()])


WRITERS: dict[str, type[Lines] | type[Parquet]] = {"jsonl": Lines, "parquet": Parquet}


def write(pages: Iterable[list[Row]], writer: Writer) -> int:
    """Write all rows; how many there were."""
    count = 0
    for rows in pages:
        writer.add(rows)
        count += len(rows)
    writer.end()
    return count


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file beside ``path`` that takes its place at the end; none is left when something is raised.

    Only its owner may read it: it is about people.
    """
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise
