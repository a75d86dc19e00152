"""PostgreSQL, by psycopg 3."""

from __future__ import annotations

from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import URL

POOL = {"pool_size": 4, "max_overflow": 12, "pool_timeout": 5, "pool_recycle": 1800}
OPTIONS = "-c timezone=UTC -c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=10000"


def open_postgres(url: URL) -> Engine:
    """An engine for PostgreSQL; nothing is connected yet."""
    connect = {"connect_timeout": 3, "application_name": "artemis", "options": OPTIONS}
    return create_engine(url.set(drivername="postgresql+psycopg"), connect_args=connect, **POOL)
