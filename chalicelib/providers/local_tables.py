"""Queries on a laptop: BigQuery's SQL, answered by DuckDB over the project's data files.

``usecases/data/<dataset>/<table>.jsonl`` (or .csv, .parquet) is the table ``<dataset>.<table>``. A query is one SELECT
in BigQuery's standard SQL, which sqlglot puts into DuckDB's words; it sees the files of the datasets that it names, and
nothing else: once they are read, no file and no network can be reached. Rows are the values that
``chalicelib.providers.bigquery_values`` gives for the same table.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from pathlib import Path
from threading import Lock, Timer
from typing import Any, NamedTuple

from chalicelib.asking import Asking
from chalicelib.errors import ProviderError
from chalicelib.folders import find_folder
from chalicelib.providers.local_files import Stamp
from chalicelib.providers.local_weights import package

MOST_ROWS = 10_000  # as BigQuery's provider has it
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
READERS = {".jsonl": "read_json(?, format='newline_delimited')", ".csv": "read_csv(?)", ".parquet": "read_parquet(?)"}
CLOSED = ("enable_external_access = false", "autoload_known_extensions = false", "lock_configuration = true")
LONGEST_WAIT = 3600.0  # seconds


class Loaded(NamedTuple):
    """Datasets in memory. ``stamps``: of the files when they were read; ``version``: DuckDB's, and a digest of them."""

    stamps: dict[Path, Stamp]
    connection: Any
    version: str


class Rows(NamedTuple):
    """What a query gave."""

    rows: list[dict[str, Any]]
    version: str


class Tables:
    """The tables of a folder. Safe to use from many threads; a dataset is read on first use and when a file changed."""

    def __init__(self, folder: str) -> None:
        self._folder, self._lock = folder, Lock()
        self._loaded: dict[tuple[str, ...], Loaded] = {}

    def query(self, sql: str, parameters: Mapping[str, Any], asking: Asking) -> Rows:
        """The rows of a SELECT statement. Raises ProviderError: refused, timeout, or bad-answer for NaN."""
        datasets, text, names = _translated(sql)
        if missing := sorted(names - parameters.keys()):
            raise _refused(f"the query names @{missing[0]}, which is not given; given: {_listed(parameters)}")
        with self._lock:
            loaded = self._current(datasets)
        cursor = loaded.connection.cursor()
        timer = Timer(min(asking.left(), LONGEST_WAIT), cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            found = cursor.execute(text, {name: parameters[name] for name in names})
            columns = [column[0] for column in found.description]
            rows = found.fetchmany(MOST_ROWS + 1)
        except package("duckdb").InterruptException:
            raise ProviderError("the query was not done in time", code="timeout") from None
        except package("duckdb").Error as error:
            raise _refused(str(error).splitlines()[0]) from None
        finally:
            timer.cancel()
            cursor.close()
        if len(rows) > MOST_ROWS:
            raise _refused(f"more than {MOST_ROWS} rows; add a LIMIT")
        return Rows([dict(zip(columns, map(_value, row), strict=True)) for row in rows], loaded.version)

    def _current(self, datasets: tuple[str, ...]) -> Loaded:
        """The datasets as they are now. A change of any file is another version for all: one model, one version."""
        folder = self._checked(datasets)
        files = [path for path in sorted(folder.glob("*/*")) if path.suffix in READERS and NAME.fullmatch(path.stem)]
        stamps: dict[Path, Stamp] = {
            path: ((status.st_mtime_ns, status.st_size),) for path in files for status in (path.stat(),)
        }
        known = self._loaded.get(datasets)
        if known is None or known.stamps != stamps:
            known = self._loaded[datasets] = Loaded(stamps, *_load(files, datasets))
        return known

    def _checked(self, datasets: tuple[str, ...]) -> Path:
        """The folder, which has all of the datasets."""
        folder = find_folder(self._folder)
        if folder is None:
            raise _refused(f"there is no folder {self._folder} for the local provider's tables")
        for dataset in datasets:
            if not NAME.fullmatch(dataset) or not (folder / dataset).is_dir():
                known = _listed(path.name for path in folder.iterdir() if path.is_dir())
                raise _refused(f"there is no dataset {dataset!r} in {self._folder}; there are: {known}")
        return folder


def _translated(sql: str) -> tuple[tuple[str, ...], str, set[str]]:
    """Which datasets a query names, the query in DuckDB's words, and the names of its parameters."""
    sqlglot = package("sqlglot")
    try:
        statements = sqlglot.parse(sql, read="bigquery")
    except sqlglot.errors.SqlglotError as error:
        raise _refused(f"the SQL cannot be read: {str(error).splitlines()[0]}") from None
    if len(statements) != 1 or not isinstance(statements[0], sqlglot.exp.Query):
        raise _refused("a query is one statement that begins with SELECT or WITH")
    (statement,) = statements
    datasets = _datasets(sqlglot.exp, statement)
    names = {one.name for one in statement.find_all(sqlglot.exp.Parameter)}
    try:
        return datasets, statement.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE), names
    except sqlglot.errors.SqlglotError as error:
        raise _refused(f"DuckDB has no such SQL: {str(error).splitlines()[0]}") from None


def _datasets(exp: Any, statement: Any) -> tuple[str, ...]:
    """The datasets of a query's tables, whose projects are dropped: here there is one."""
    own = {cte.alias for cte in statement.find_all(exp.CTE)}
    datasets = set[str]()
    for table in statement.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise _refused("a query reads tables; there are no table functions")
        if table.db:
            datasets.add(table.db)
            table.set("catalog", None)
        elif table.name not in own:
            raise _refused(f"table {table.name!r} has no dataset: write dataset.{table.name}")
    return tuple(sorted(datasets))


def _load(files: Sequence[Path], datasets: tuple[str, ...]) -> tuple[Any, str]:
    """A connection with the tables of these datasets, and the version: of DuckDB and of all files."""
    duckdb = package("duckdb")
    connection, digest = duckdb.connect(":memory:", config={"threads": 1}), hashlib.sha256()
    connection.execute("SET TimeZone = 'UTC'")
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
        if path.parent.name not in datasets:
            continue
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{path.parent.name}"')
        table = f'"{path.parent.name}"."{path.stem}"'
        try:
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM {READERS[path.suffix]}", [str(path)])  # noqa: S608
        except duckdb.Error as error:
            said = str(error).splitlines()[0].replace(str(path), path.name)
            raise ProviderError(f"{path.name} is no table: {said}", code="not-configured", attempts=0) from None
    for setting in CLOSED:
        connection.execute(f"SET {setting}")
    return connection, f"{duckdb.__version__}+{digest.hexdigest()[:12]}"


def _value(value: Any) -> Any:
    """A value as JSON holds it, as BigQuery's provider gives it."""
    if isinstance(value, (list, tuple)):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _value(item) for name, item in value.items()}
    if isinstance(value, (float, Decimal)):
        if not isfinite(value):
            raise ProviderError("a number is not finite", code="bad-answer")
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds") if value.tzinfo else value.isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _listed(names: Any) -> str:
    return ", ".join(sorted(names)) or "none"


def _refused(why: str) -> ProviderError:
    return ProviderError(f"query: {why}", code="refused", attempts=0)
