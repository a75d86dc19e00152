"""Who may connect to PostgreSQL, by what: TLS that is verified, passwords, secrets that rotate."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import boto3
import pytest
from sqlalchemy import text
from tcp_postgres import PASSWORD, Authority, TcpPostgres, tcp_postgres, tls

from chalicelib.database_settings import resolve
from chalicelib.errors import SettingsError, Unavailable
from chalicelib.store import Store, login
from chalicelib.store.database import open_engine
from tests.emulators.aws import Aws
from workbench.migrate import upgrade

NAME = "artemis/database"


@pytest.fixture(scope="module")
def server() -> Iterator[TcpPostgres]:
    with tcp_postgres() as running:
        engine = open_engine(running.admin.replace("/postgres?", "/artemis?"), patient=True)
        upgrade(engine)
        engine.dispose()
        running.say("GRANT pg_read_all_data, pg_write_all_data TO artemis")
        yield running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca.pem")


@pytest.fixture
def port(server: TcpPostgres, authority: Authority) -> Iterator[int]:
    """Where the server is asked over TLS; it has a certificate for localhost."""
    with tls(server.port, authority, "localhost") as own:
        yield own


def url_of(port: int, host: str = "localhost", password: str = PASSWORD, **query: str) -> str:
    said = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"postgresql://artemis:{quote(password, safe='')}@{host}:{port}/artemis{'?' * bool(said)}{said}"


def used(url: str, **environment: str) -> str:
    """The URL as production's service uses it."""
    problems: list[str] = []
    settled = resolve({"ARTEMIS_DATABASE_URL": url, **environment}, "production", problems)
    assert problems == []
    return settled


def is_encrypted(url: str) -> bool:
    store = Store(url)
    try:
        with store.database.read() as reading:
            driver = reading.connection.driver_connection
            assert driver is not None
            return bool(driver.pgconn.ssl_in_use)
    finally:
        store.close()


def refused(url: str) -> str:
    """Why a connection is refused."""
    store = Store(url)
    try:
        with pytest.raises(Unavailable) as down:
            store.ping()
        return str(down.value.__cause__)
    finally:
        store.close()


def test_the_server_is_verified_by_the_authority_that_the_url_names(port: int, authority: Authority) -> None:
    url = used(url_of(port, sslrootcert=str(authority.path)))
    assert "sslmode=verify-full" in url
    assert is_encrypted(url)


def test_a_server_of_another_authority_is_refused(port: int, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other.pem")
    assert "certificate verify failed" in refused(used(url_of(port, sslrootcert=str(other.path))))
    assert "certificate verify failed" in refused(used(url_of(port)))  # the machine's own authorities


def test_a_server_of_another_name_is_refused(port: int, authority: Authority) -> None:
    url = used(url_of(port, host="127.0.0.1", sslrootcert=str(authority.path)))
    assert "127.0.0.1" in refused(url)


def test_a_server_without_tls_is_refused(server: TcpPostgres, authority: Authority) -> None:
    said = refused(used(url_of(server.port, sslrootcert=str(authority.path))))
    assert "SSL" in said
    assert PASSWORD not in said
    assert is_encrypted(url_of(server.port)) is False  # the local stage takes it


def test_the_machines_own_authorities_are_used_where_the_url_names_none(
    port: int, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psycopg's wheels bring an OpenSSL that looks for them where there are none."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    assert is_encrypted(used(url_of(port)))


def test_a_wrong_password_is_told_to_nobody(server: TcpPostgres, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = refused(url_of(server.port, password="wrong-s3cret"))
    assert "password authentication failed" in said
    assert "the store cannot be reached: OperationalError" in caplog.text
    assert "password authentication failed" in caplog.text
    assert "wrong-s3cret" not in said + caplog.text


class Secret:
    """One in AWS, and the role's password."""

    def __init__(self, server: TcpPostgres) -> None:
        self.server, self._client = server, boto3.client("secretsmanager")
        self.arn = self._client.create_secret(Name=NAME, SecretString="{}")["ARN"]
        self.rotate(PASSWORD)

    def rotate(self, password: str, username: str = "artemis") -> None:
        self.put(json.dumps({"username": username, "password": password, "engine": "postgres"}))
        self.server.say(f"ALTER ROLE {username} PASSWORD '{password}'")

    def put(self, text: str) -> None:
        self._client.put_secret_value(SecretId=NAME, SecretString=text)

    def delete(self) -> None:
        self._client.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)


@pytest.fixture
def secret(server: TcpPostgres, aws: Aws) -> Iterator[Secret]:
    made = Secret(server)
    yield made
    made.rotate(PASSWORD)
    made.delete()


@pytest.fixture
def store(server: TcpPostgres, secret: Secret) -> Iterator[Store]:
    opened = Store(by_secret(server, secret.arn))
    yield opened
    opened.close()


def by_secret(server: TcpPostgres, name: str) -> str:
    problems: list[str] = []
    url = f"postgresql://localhost:{server.port}/artemis"
    environment = {"ARTEMIS_DATABASE_URL": url, "ARTEMIS_DATABASE_AUTH": f"secret:{name}"}
    settled = resolve(environment, None, problems)
    assert problems == []
    return settled


@pytest.mark.parametrize("by", ["name", "arn"])
def test_a_secret_gives_user_and_password(server: TcpPostgres, secret: Secret, by: str) -> None:
    opened = Store(by_secret(server, NAME if by == "name" else secret.arn))
    opened.ping()
    opened.close()


def test_a_secret_is_read_once(store: Store, secret: Secret, server: TcpPostgres) -> None:
    store.ping()
    secret.put("{}")
    server.disconnect()
    store.ping()


def test_a_secret_that_was_rotated_is_read_again(
    store: Store, secret: Secret, server: TcpPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store.ping()
    for number in range(2):
        secret.rotate(f"new-s3cret-{number}")
        server.disconnect()
        login_may_look_again(store)
        store.ping()
    assert "new-s3cret" not in caplog.text


def login_may_look_again(store: Store) -> None:
    """As if some seconds had passed."""
    for listener in store.database.engine.dialect.dispatch.do_connect:
        for cell in listener.__closure__ or ():
            if isinstance(cell.cell_contents, login.BySecret):
                cell.cell_contents._looked_again = float("-inf")


def test_a_rotation_may_change_the_user_too(store: Store, secret: Secret, server: TcpPostgres) -> None:
    store.ping()
    server.say("CREATE ROLE artemis_clone LOGIN IN ROLE artemis, pg_read_all_data", "ALTER ROLE artemis NOLOGIN")
    secret.rotate("of-the-clone", "artemis_clone")
    server.disconnect()
    store.ping()
    with store.database.read() as reading:
        assert reading.execute(text("SELECT current_user")).scalar_one() == "artemis_clone"
    server.say("ALTER ROLE artemis LOGIN")


def test_a_secret_that_does_not_fit_is_told_without_it(store: Store, secret: Secret) -> None:
    secret.put(json.dumps({"username": "artemis", "password": "not-s3cret"}))
    with pytest.raises(Unavailable) as down:
        store.ping()
    assert "password authentication failed" in str(down.value.__cause__)
    assert "not-s3cret" not in f"{down.value} {down.value.__cause__!r}"


@pytest.mark.parametrize("content", ["s3cret", "[]", '{"username": "artemis"}'])
def test_a_secret_of_another_form_is_told_without_it(store: Store, secret: Secret, content: str) -> None:
    secret.put(content)
    with pytest.raises(SettingsError, match='"username"') as refusal:
        store.ping()
    assert "s3cret" not in str(refusal.value)


def test_a_secret_that_is_not_there_is_told(server: TcpPostgres, aws: Aws) -> None:
    opened = Store(by_secret(server, "artemis/nowhere"))
    with pytest.raises(SettingsError, match="ResourceNotFoundException"):
        opened.ping()
    opened.close()


def test_a_secret_that_cannot_be_read_now_is_an_outage(
    server: TcpPostgres, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    opened = Store(by_secret(server, NAME))
    with pytest.raises(Unavailable):
        opened.ping()
    opened.close()
