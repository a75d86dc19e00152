"""PostgreSQL, by psycopg 3.

A connection is settled as it is made, by libpq's own options, so nothing is asked on it before its first statement; a
statement that comes again and again is prepared on the server. A pooler, such as RDS Proxy or pgbouncer, refuses such
options, keeps a session that was SET apart from all others, and may give each transaction another session, which has
nothing prepared. Behind one, nothing of it is done: there the role has to say the timeouts (``ALTER ROLE … SET``). RDS
Proxy is known by its name; any other is told by ``?artemis_pooler=yes`` in the URL.

What bounds a statement: the server by ``statement_timeout``; the kernel, by keepalives and ``tcp_user_timeout``, where
the network is gone; and we ourselves where a server is there and says nothing.
"""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL

from chalicelib.store.connection import connect, watch_pool

# Connections are opened when they are needed and stay; the last one used is used next, so that few of them idle.
POOL = {"pool_size": 8, "max_overflow": 8, "pool_timeout": 5, "pool_recycle": 1800, "pool_use_lifo": True}

NETWORK = {
    "connect_timeout": 3,  # seconds, for each address of the host
    "keepalives_idle": 20,  # seconds; then one every 5, and after three of them it is over
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # ms for what was sent to be acknowledged
    "gssencmode": "disable",  # it would come before TLS where there is a Kerberos ticket, and ask for one where not
}
SESSION = {"timezone": "UTC", "lock_timeout": 2_000}  # ms
BOUNDS = {"statement_timeout": 5_000, "idle_in_transaction_session_timeout": 10_000}  # ms
SILENCE = 7.0  # seconds in which a server says nothing to a statement: more than it may take itself

AUTH = "artemis_auth"  # in the URL: how to authenticate; what ARTEMIS_DATABASE_AUTH says
POOLER = "artemis_pooler"
RDS_PROXY = re.compile(r"\.proxy-[a-z0-9]+\.[a-z0-9-]+\.rds\.amazonaws\.com(\.cn)?$")


def open_postgres(url: URL, patient: bool = False) -> Engine:
    """An engine for PostgreSQL; nothing is connected yet.

    Args:
        url: what it says about a connection (``?connect_timeout=10``) is stronger than what stands here.
        patient: statements may take as long as they do; for commands that read or change much.
    """
    auth = url.query.get(AUTH)
    arguments = _arguments(url, patient)
    url = url.difference_update_query([AUTH, POOLER]).set(drivername="postgresql+psycopg")
    engine = create_engine(url, connect_args=arguments, use_native_hstore=False, **POOL)
    event.listen(engine, "do_connect", _connector(str(auth) if auth else None, None if patient else SILENCE))
    watch_pool(engine)
    return engine


def _arguments(url: URL, patient: bool) -> dict[str, Any]:
    """What the driver gets beside the URL."""
    own: dict[str, Any] = {**NETWORK, "application_name": "artemis"}
    found = {name: value for name, value in own.items() if name not in url.query}
    if POOLER in url.query or any(RDS_PROXY.search(host) for host in _hosts(url)):
        found["prepare_threshold"] = None
    else:
        settings = SESSION if patient else {**SESSION, **BOUNDS}
        said = [f"-c {name}={value}" for name, value in settings.items()]
        found["options"] = " ".join([*said, *_texts(url.query.get("options"))])  # of two the later counts
    if url.query.get("sslrootcert") == "system":
        found["sslrootcert"] = _system_certificates()
    return found


def _hosts(url: URL) -> list[str]:
    named = [url.host or "", *_texts(url.query.get("host"))]
    return [host.partition(":")[0] for text in named for host in text.split(",")]


def _texts(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _system_certificates() -> str:
    """The file of this machine's trusted certificates, where there is one.

    psycopg's wheels bring an OpenSSL that looks in a folder of its own, which nobody has.
    """
    import os
    import ssl

    found = ssl.get_default_verify_paths().cafile
    others = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    for path in (found, *others):
        if path and os.path.isfile(path):
            return path
    return "system"


def _connector(auth: str | None, silence: float | None) -> Any:
    """Connects, for SQLAlchemy: as our own kind of connection, and with the credentials of the moment."""
    if auth is None:
        return lambda _dialect, _record, _arguments, named: connect(named, silence)
    from chalicelib.store.login import login_by

    login = login_by(auth)
    return lambda _dialect, _record, _arguments, named: login(named, lambda: connect(named, silence))
