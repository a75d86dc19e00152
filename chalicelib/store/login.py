"""Authenticating to PostgreSQL with credentials that change: an RDS IAM token, or a secret that is rotated.

Neither is ever logged, nor part of an error.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Any, NoReturn, TypeVar

import psycopg

from chalicelib.errors import SettingsError, Unavailable

log = logging.getLogger("artemis")

Made = TypeVar("Made")
Login = Callable[[dict[str, Any], Callable[[], Any]], Any]

TOKEN_SECONDS = 900  # RDS takes a token for so long; it is made for one connection
REGION = re.compile(r"\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com(\.cn)?$")
AGAIN = 5.0  # seconds between two looks at a secret that is refused
# what somebody has to mend; anything else may pass
WRONG = {"ResourceNotFoundException", "AccessDeniedException", "InvalidRequestException", "DecryptionFailure"}


def login_by(auth: str) -> Login:
    """What gives the driver's arguments their credentials and connects: ``login(arguments, connect)``.

    Args:
        auth: "iam", or "secret:" and the ARN or the name of a secret in AWS Secrets Manager.
    """
    kind, _, name = auth.partition(":")
    if kind == "iam" and not name:
        return by_token
    if kind == "secret" and name:
        return BySecret(name)
    raise SettingsError(["ARTEMIS_DATABASE_AUTH: use iam, or secret:<ARN or name of a secret in Secrets Manager>"])


def by_token(arguments: dict[str, Any], connect: Callable[[], Made]) -> Made:
    """With a token of IAM, which is computed here: nobody is asked, but for the process's own credentials."""
    host, port, user = (str(arguments.get(name) or "") for name in ("host", "port", "user"))
    arguments["password"] = token(host, int(port or 5432), user)
    return connect()


def token(host: str, port: int, user: str) -> str:
    """As boto3's ``rds.generate_db_auth_token``, without the client, whose description takes long to read.

    Raises SettingsError without credentials or a region.
    """
    import botocore.session
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    logging.getLogger("botocore").setLevel(logging.INFO)  # at DEBUG it logs signatures: the token
    with _CREDENTIALS:
        session = _SESSION[0] if _SESSION else botocore.session.get_session()
        _SESSION[:] = [session]
        credentials = session.get_credentials()
        region = found[1] if (found := REGION.search(host)) else session.get_config_variable("region")
    if credentials is None or not region:
        missing = "AWS credentials" if credentials is None else "AWS region"
        raise SettingsError(
            [f"ARTEMIS_DATABASE_AUTH=iam: there are no {missing}: give the process a role and a region"]
        )
    asked = AWSRequest("GET", f"https://{host}:{port}/", params={"Action": "connect", "DBUser": user})
    SigV4QueryAuth(credentials, "rds-db", region, expires=TOKEN_SECONDS).add_auth(asked)
    return str(asked.url).removeprefix("https://")


_CREDENTIALS = Lock()
_SESSION: list[Any] = []  # one at most


class BySecret:
    """With a secret ``{"username": …, "password": …}``, read once; again when the server refuses it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock, self._looked_again = Lock(), float("-inf")
        self._secret: dict[str, str] | None = None

    def __call__(self, arguments: dict[str, Any], connect: Callable[[], Made]) -> Made:
        secret = self._read(instead_of=None)
        arguments.update(secret)
        try:
            return connect()
        except psycopg.OperationalError as error:
            used = getattr(error.pgconn, "used_password", False)  # the server asked for one, so it may be the reason
            newer = self._read(instead_of=secret) if used else secret
            if newer == secret:
                raise
            arguments.update(newer)
        return connect()

    def _read(self, instead_of: dict[str, str] | None) -> dict[str, str]:
        """The secret; ``instead_of``: the one that was refused, if it may have been rotated."""
        with self._lock:
            if self._secret is not None and self._secret != instead_of:
                return self._secret
            if instead_of is not None:
                if monotonic() - self._looked_again < AGAIN:
                    return instead_of
                self._looked_again = monotonic()
            self._secret = found = read_secret(self.name)
            return found


def read_secret(name: str) -> dict[str, str]:
    """The driver's ``user`` and ``password``. Raises SettingsError for what has to be mended, else Unavailable."""
    import boto3
    from botocore.config import Config

    logging.getLogger("botocore").setLevel(logging.INFO)  # at DEBUG it logs answers: the secret
    region = name.split(":")[3] if name.startswith("arn:") and name.count(":") > 3 else None
    config = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    try:
        client = boto3.Session(region_name=region).client("secretsmanager", config=config)
        text = client.get_secret_value(SecretId=name)["SecretString"]
    except Exception as error:  # botocore's are many, and name no secret's content
        _fail(error)
    try:
        content = json.loads(text)
        return {"user": str(content["username"]), "password": str(content["password"])}
    except (ValueError, KeyError, TypeError):
        raise SettingsError([_about('it is not JSON of the form {"username": …, "password": …}')]) from None


def _fail(error: Exception) -> NoReturn:
    response = getattr(error, "response", None) or {}
    said = str(response.get("Error", {}).get("Code", "")) or type(error).__name__
    if said in WRONG or said in ("NoRegionError", "NoCredentialsError", "ParamValidationError", "KeyError"):
        raise SettingsError([_about(f"{said}: check its name, the process's role and the region")]) from error
    log.warning("the database's secret cannot be read: %s", said)
    raise Unavailable("the store cannot be reached", code="store-unavailable", retry_after=2) from None


def _about(what: str) -> str:
    return f"ARTEMIS_DATABASE_AUTH: the secret cannot be used: {what}"
