"""The database's URL, as the environment gives it and as it is used."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from chalicelib.database_settings import LOCAL_DATABASE, resolve

VERIFIED = {"sslmode": "verify-full", "sslrootcert": "system"}


def settled(url: str | None, stage: str | None = "production", **more: str) -> tuple[str, list[str]]:
    problems: list[str] = []
    given = {} if url is None else {"ARTEMIS_DATABASE_URL": url}
    return resolve({**given, **more}, stage, problems), problems


def query(url: str, stage: str | None = "production", **more: str) -> dict[str, object]:
    """The query of the URL in force, as SQLAlchemy reads it."""
    used, problems = settled(url, stage, **more)
    assert problems == []
    return dict(make_url(used).query)


def test_the_local_stage_has_a_default_and_no_other() -> None:
    assert settled(None, None) == (LOCAL_DATABASE, [])
    _, problems = settled(None)
    assert problems == ["ARTEMIS_DATABASE_URL is not set; stage production needs one (a SQLAlchemy URL)"]


@pytest.mark.parametrize("stage", [None, "production"])
@pytest.mark.parametrize("url", ["sqlite:///a b.db", "sqlite:////var/lib/artemis.db?timeout=5"])
def test_a_url_of_sqlite_stays_as_it_is(url: str, stage: str | None) -> None:
    assert settled(url, stage) == (url, [])


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@db/x",
        "postgresql+psycopg://u:p@db:6432/x?application_name=a",
        "postgres://u:p@db/x",
        "postgresql://u:p@db1,db2/x",
        "postgresql://u:p%23%3F@[::1]:5432/x",
        "postgresql://u:p@localhost/x",
        "postgresql:///x",
        "postgresql:///x?host=/run/postgresql&hostaddr=10.0.0.1",
        "postgresql:///x?host=/run/postgresql&conninfo=hostaddr%3D10.0.0.1",
        "postgresql:///x?host=/run/postgresql,db2",
        "postgresql:///x?service=theirs",
    ],
)
def test_outside_the_local_stage_the_server_is_verified(url: str) -> None:
    assert query(url).items() >= VERIFIED.items()
    assert not query(url, None).keys() & VERIFIED.keys()
    for name in ("username", "password", "host", "port", "database"):
        assert getattr(make_url(settled(url)[0]), name) == getattr(
            make_url(url.replace("postgres:", "postgresql:")), name
        )


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "", "Verify-Full", "none"])
def test_a_url_that_need_not_be_encrypted_is_refused(mode: str) -> None:
    _, problems = settled(f"postgresql://u:s3cret@db/x?sslmode={mode}" if mode else "postgresql://u:p@db/x?sslmode=%20")
    (problem,) = problems
    assert "unencrypted" in problem
    assert "sslmode=verify-full" in problem
    assert "s3cret" not in problem


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p#s3cret@db/x?sslmode=disable",
        "postgresql://u:p?sslmode=verify-full@db/x?sslmode=disable",
        "postgresql://u:p@db/x?sslmode=verify-full&sslmode=disable",
    ],
)
def test_no_second_reading_of_a_url_gets_past(url: str) -> None:
    assert len(settled(url)[1]) == 1


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_what_is_encrypted_is_kept(mode: str, tmp_path: Path) -> None:
    bundle = tmp_path / "global-bundle.pem"
    bundle.write_text("")
    said = query(f"postgresql://u:p@db/x?sslmode={mode}&sslrootcert={bundle}")
    assert said == {"sslmode": mode, "sslrootcert": str(bundle)}
    assert query(f"postgresql://u:p@db/x?sslrootcert={bundle}") == {
        "sslmode": "verify-full",
        "sslrootcert": str(bundle),
    }


def test_a_file_of_authorities_must_be_there() -> None:
    _, problems = settled("postgresql://u:p@db/x?sslrootcert=/var/task/nowhere.pem")
    assert len(problems) == 1
    assert "sslrootcert=/var/task/nowhere.pem" in problems[0]


def test_the_environments_file_of_authorities_is_used() -> None:
    assert query("postgresql://u:p@db/x", PGSSLROOTCERT="/etc/ca.pem") == {"sslmode": "verify-full"}


@pytest.mark.parametrize("url", ["postgresql:///x?host=/run/postgresql&sslmode=disable", "postgresql:///x?host=@name"])
def test_a_unix_socket_needs_no_tls(url: str) -> None:
    assert query(url) == dict(make_url(url).query)


@pytest.mark.parametrize("name", ["PGHOSTADDR", "PGSERVICE"])
def test_what_may_lead_elsewhere_than_to_the_socket_needs_tls(name: str) -> None:
    assert query("postgresql:///x?host=/run/postgresql", **{name: "10.0.0.1"}).items() >= VERIFIED.items()


@pytest.mark.parametrize("auth", ["iam", "secret:artemis/db", "secret:arn:aws:secretsmanager:eu-west-1:1:secret:a-b"])
def test_how_to_authenticate_stands_in_the_url_in_force(auth: str) -> None:
    assert query("postgresql://u@db/x", ARTEMIS_DATABASE_AUTH=auth) == {**VERIFIED, "artemis_auth": auth}


def test_a_token_is_sent_over_tls_on_the_local_stage_too() -> None:
    assert query("postgresql://u@db/x", None, ARTEMIS_DATABASE_AUTH="iam").items() >= VERIFIED.items()


@pytest.mark.parametrize("auth", ["IAM", "iam:", "secret:", "secret:a b", "password"])
def test_other_ways_to_authenticate_are_refused(auth: str) -> None:
    (problem,) = settled("postgresql://u@db/x", ARTEMIS_DATABASE_AUTH=auth)[1]
    assert "ARTEMIS_DATABASE_AUTH: use iam, or secret:" in problem


@pytest.mark.parametrize("url", ["postgresql://u:s3cret@db/x", "postgresql://u@db/x?password=s3cret"])
def test_a_password_and_another_way_to_authenticate_are_refused(url: str) -> None:
    (problem,) = settled(url, ARTEMIS_DATABASE_AUTH="iam")[1]
    assert "leave one out" in problem
    assert "s3cret" not in problem


def test_a_pooler_is_there_or_is_not() -> None:
    start = "postgresql://artemis@db/artemis?artemis_pooler="
    assert settled(f"{start}yes", None) == (f"{start}yes", [])
    assert settled(f"{start}no", None)[1] == ["ARTEMIS_DATABASE_URL: artemis_pooler is yes, or left out"]


def test_sqlite_has_nobody_to_authenticate_to() -> None:
    (problem,) = settled("sqlite:///x.db", None, ARTEMIS_DATABASE_AUTH="iam")[1]
    assert "is for PostgreSQL" in problem


@pytest.mark.parametrize("stage", [None, "production"])
@pytest.mark.parametrize("url", ["postgresql://u:s3@cret@db/x", "postgresql://u:s3cret@@db/x"])
def test_a_password_that_would_be_part_of_the_host_is_refused(url: str, stage: str | None) -> None:
    _, problems = settled(url, stage)
    assert problems == ["ARTEMIS_DATABASE_URL: there are several @ before the host: write one in a password as %40"]


@pytest.mark.parametrize("url", ["db.internal", "user:s3cret@db", "", "://x"])
def test_what_is_no_url_is_refused_without_its_password(url: str) -> None:
    used, problems = settled(url)
    assert "s3cret" not in str(problems)
    assert used == LOCAL_DATABASE
    assert len(problems) == 1
