"""The database's URL as it is used: over TLS outside the local stage, with how to authenticate.

Environment: ``ARTEMIS_DATABASE_URL``, and ``ARTEMIS_DATABASE_AUTH``: ``iam`` or ``secret:<ARN or name>`` instead of a
password in the URL. What was settled stands in the URL's query, so that the URL alone says how to connect; nothing
that knows databases is imported for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

LOCAL_DATABASE = "sqlite:///.artemis/artemis.db"
AUTH = "artemis_auth"  # in the URL's query; the store takes it out
POOLER = "artemis_pooler"  # likewise
ENCRYPTED = ("require", "verify-ca", "verify-full")
UNENCRYPTED = ("disable", "allow", "prefer")  # or perhaps so
ELSEWHERE = {"hostaddr", "service", "conninfo", "PGHOSTADDR", "PGSERVICE"}  # they may lead elsewhere than the host
AUTHENTICATING = re.compile(r"iam|secret:\S+")

# as SQLAlchemy takes a URL apart: what another parser sees in it does not count
URL = re.compile(
    r"(?P<start>(?P<driver>[\w+]+)://(?:[^:/]*(?::(?P<password>[^@]*))?@)?"
    r"(?P<host>\[[^/?]+\]|[^/:?]+)?(?::[^/?]*)?(?:/[^?]*)?)(?:\?(?P<query>.*))?"
)


def folder_beside(url: str) -> Path | None:
    """The folder for large objects beside an embedded database's file; None for other databases, and in memory."""
    found = URL.fullmatch(url)
    if found is None or not found["driver"].startswith("sqlite"):
        return None
    path = found["start"].partition(":///")[2]
    return None if path in ("", ":memory:") or path.startswith("file:") else Path(f"{path}.objects")


def resolve(environment: Mapping[str, str], stage: str | None, problems: list[str]) -> str:
    """The URL in force. ``problems`` gets what does not hold of ``ARTEMIS_DATABASE_URL`` and ``…_AUTH``.

    Args:
        stage: None for the local one: there it has a default, and PostgreSQL need not be asked over TLS.
    """
    given = environment.get("ARTEMIS_DATABASE_URL") or None
    auth = environment.get("ARTEMIS_DATABASE_AUTH", "")
    if given is None and stage is not None:
        problems.append(f"ARTEMIS_DATABASE_URL is not set; stage {stage} needs one (a SQLAlchemy URL)")
    found = URL.fullmatch(given or LOCAL_DATABASE)
    if found is None:
        problems.append("ARTEMIS_DATABASE_URL is not a SQLAlchemy URL such as sqlite:///file.db")
        return LOCAL_DATABASE
    if not re.match(r"postgres(ql)?\b", found["driver"]):
        if auth:
            problems.append("ARTEMIS_DATABASE_AUTH is for PostgreSQL, and ARTEMIS_DATABASE_URL is of another database")
        return found[0]
    return _postgresql(found, auth, stage is not None or auth == "iam", environment, problems)


def _postgresql(
    found: re.Match[str], auth: str, needs_tls: bool, environment: Mapping[str, str], problems: list[str]
) -> str:
    query = parse_qsl(found["query"] or "")
    if "@" in (found["host"] or ""):  # so part of the password is taken for the host, which messages show
        problems.append("ARTEMIS_DATABASE_URL: there are several @ before the host: write one in a password as %40")
    if dict(query).get(POOLER, "yes") != "yes":  # the store asks only whether it is there
        problems.append(f"ARTEMIS_DATABASE_URL: {POOLER} is yes, or left out")
    if auth:
        problems += _auth_problems(auth, bool(found["password"]) or "password" in dict(query))
        query.append((AUTH, auth))
    is_local = _is_socket(found["host"], query) and ELSEWHERE.isdisjoint([*environment, *dict(query)])
    if needs_tls and not is_local:
        query += _tls(query, environment, problems)
    start = re.sub(r"^postgres(?=[:+])", "postgresql", found["start"])
    return f"{start}?{urlencode(query)}" if query else start


def _auth_problems(auth: str, has_password: bool) -> list[str]:
    if not AUTHENTICATING.fullmatch(auth):
        return ["ARTEMIS_DATABASE_AUTH: use iam, or secret:<ARN or name of a secret in AWS Secrets Manager>"]
    if has_password:
        return ["ARTEMIS_DATABASE_URL has a password, and ARTEMIS_DATABASE_AUTH is set: leave one out"]
    return []


def _is_socket(host: str | None, query: list[tuple[str, str]]) -> bool:
    """Whether it stays on this machine by a Unix socket, where there is no TLS."""
    hosts = [each for name, value in query if name == "host" for each in value.split(",")] + ([host] if host else [])
    return bool(hosts) and all(each[:1] in "/@" and each for each in hosts)


def _tls(query: list[tuple[str, str]], environment: Mapping[str, str], problems: list[str]) -> list[tuple[str, str]]:
    """What must be added so that the server is verified."""
    modes = [value for name, value in query if name == "sslmode"]
    roots = [value for name, value in query if name == "sslrootcert"]
    if any(mode not in ENCRYPTED for mode in modes) or len(modes) > 1:
        said = f"sslmode={modes[0]}" if modes[0] in UNENCRYPTED else "its sslmode"
        problems.append(
            f"ARTEMIS_DATABASE_URL: {said} may send passwords and decisions unencrypted: "
            "leave it out (then it is verify-full), or say sslmode=verify-full&sslrootcert=<file of the server's CA>"
        )
    for root in roots:
        if root != "system" and not Path(root).is_file():
            problems.append(
                f"ARTEMIS_DATABASE_URL: sslrootcert={root}: there is no such file; for Aurora it is RDS's CA bundle"
            )
    added = [] if modes else [("sslmode", "verify-full")]
    verifies = not modes or modes == ["verify-full"]
    if verifies and not roots and "PGSSLROOTCERT" not in environment:
        added.append(("sslrootcert", "system"))
    return added
