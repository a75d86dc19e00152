"""`artemis db`: bringing a database forward, and checking it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from chalicelib.store import Store
from chalicelib.store.database import open_engine
from chalicelib.store.schema import SCHEMA_VERSION
from workbench.commands.db import db

SCHEMAS = Path(__file__).parents[1] / "store" / "schemas"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(db, arguments)


def report(*arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("check", "--format", "json", *arguments).stdout)
    return found


@pytest.fixture
def here(project: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, in which the command runs."""
    for name in ("ARTEMIS_DATABASE_URL", "ARTEMIS_DATABASE_AUTH", "ARTEMIS_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project.root)
    return Path(project.root)


@pytest.fixture
def postgres(new_postgres: Callable[[], str], here: Path) -> str:
    return new_postgres()


def write_old(path: Path, version: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.executescript((SCHEMAS / f"schema_{version}.sql").read_text("utf-8"))


def say(url: str, *statements: str) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_the_local_stages_file_is_made_and_stays_as_it_is(here: Path) -> None:
    done = run("upgrade")
    assert (done.exit_code, done.output) == (0, f"{here}/.artemis/artemis.db: schema (none) → {SCHEMA_VERSION}\n")
    done = run("upgrade")
    assert (done.exit_code, done.output) == (0, f"{here}/.artemis/artemis.db: schema {SCHEMA_VERSION}, up to date\n")
    assert (here / ".artemis" / "artemis.db").is_file()
    done = run("check")
    assert (done.exit_code, f"suits: schema {SCHEMA_VERSION}" in done.output) == (0, True)


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_file_is_found_and_brought_forward(here: Path, version: int) -> None:
    write_old(here / ".artemis" / "artemis.db", version)
    done = run("check")
    assert done.exit_code == 1
    assert f"schema {version}, and this version needs {SCHEMA_VERSION}: run `artemis db upgrade`" in done.output
    assert run("upgrade").output.endswith(f": schema {version} → {SCHEMA_VERSION}\n")
    assert run("check").exit_code == 0


def test_postgresql_is_brought_forward_and_checked(postgres: str) -> None:
    say(postgres, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    done = run("check", "--database", postgres)
    assert (done.exit_code, "no schema of Artemis" in done.output) == (1, True)
    assert run("upgrade", "--database", postgres).output.endswith(f": schema (none) → {SCHEMA_VERSION}\n")
    assert run("upgrade", "--database", postgres).output.endswith(f": schema {SCHEMA_VERSION}, up to date\n")
    found = report("--database", postgres)
    assert found.pop("database").startswith("postgresql")
    assert found == {"version": SCHEMA_VERSION, "needed": SCHEMA_VERSION, "months": 4, "problems": []}


def test_what_differs_is_told(postgres: str, here: Path) -> None:
    changes = [
        "ALTER TABLE decisions DROP COLUMN salt",
        "ALTER TABLE labels ADD COLUMN mood INTEGER",
        "DROP INDEX ix_labels_decision",
        "CREATE INDEX mine ON labels (who)",
        "DROP TABLE claimed_facts",
    ]
    told = [
        "table claimed_facts is missing",
        "table decisions lacks column salt",
        "table labels has column mood, which is not declared",
        "table labels has index mine, which is not declared",
        "table labels lacks index ix_labels_decision",
    ]
    run("upgrade")
    for url in ("sqlite:///.artemis/artemis.db", postgres):
        say(url, *changes)
        assert report("--database", url)["problems"] == told
        done = run("check", "--database", url)
        assert (done.exit_code, done.output.splitlines()) == (1, told)


def test_what_differs_in_a_column_is_told(postgres: str) -> None:
    say(
        postgres,
        "ALTER TABLE labels ALTER COLUMN reason TYPE VARCHAR(100)",
        "ALTER TABLE labels ALTER COLUMN who DROP NOT NULL",
        "ALTER TABLE labels DROP CONSTRAINT labels_decision_id_fkey",
        "ALTER TABLE task_results_default DROP CONSTRAINT task_results_default_decision_id_fkey",
    )
    assert report("--database", postgres)["problems"] == [
        "column labels.reason is VARCHAR(length=100), and Text() is declared",
        "column labels.who may be NULL, and is declared otherwise",
        "partition task_results_default has no foreign key to decisions",
        "table labels lacks foreign key on decision_id",
    ]


def test_months_without_partitions_are_told_before_they_come(postgres: str) -> None:
    engine = open_engine(postgres)
    with engine.connect() as connection:
        query = text("SELECT relname FROM pg_class WHERE relname ~ '_[0-9]{4}_[0-9]{2}$' AND relkind = 'r'")
        names = sorted(connection.execute(query).scalars())
    engine.dispose()
    _, *later = sorted({name[-7:] for name in names})
    for month in later:
        say(
            postgres,
            f"DROP TABLE task_results_{month}, paid_answers_{month}",
            f"ALTER TABLE decisions DETACH PARTITION decisions_{month}",
            f"DROP TABLE decisions_{month}",
        )
    found = report("--database", postgres)
    assert (found["months"], len(found["problems"])) == (1, 1)
    assert "next month has no partitions: run `artemis db upgrade`" in found["problems"][0]
    assert run("upgrade", "--database", postgres).exit_code == 0
    assert report("--database", postgres)["problems"] == []


def test_checking_changes_nothing(here: Path) -> None:
    path = here / "old.db"
    write_old(path)
    before = path.read_bytes()
    run("check", "--database", "sqlite:///old.db")
    assert path.read_bytes() == before
    assert [each.name for each in here.iterdir() if each.name.startswith("old.db")] == ["old.db"]


def test_a_newer_schema_that_suits_is_left_as_it_is(postgres: str, here: Path) -> None:
    """A rollback's pipeline runs the older software's commands."""
    run("upgrade")
    for url in ("sqlite:///.artemis/artemis.db", postgres):
        say(
            url,
            "UPDATE alembic_version SET version_num = '0099'",
            f"UPDATE schema_version SET version = 99, compatible_from = {SCHEMA_VERSION}",
            "ALTER TABLE labels ADD COLUMN added INTEGER",
        )
        done = run("upgrade", "--database", url)
        assert (done.exit_code, done.output.partition(": ")[2]) == (0, "schema 99, up to date\n")
        assert report("--database", url)["problems"] == []


def test_a_newer_schema_that_does_not_suit_is_refused(here: Path) -> None:
    run("upgrade")
    url = "sqlite:///.artemis/artemis.db"
    say(
        url,
        "UPDATE alembic_version SET version_num = '0099'",
        "UPDATE schema_version SET version = 99, compatible_from = 98",
    )
    done = run("upgrade")
    assert (done.exit_code, "schema 98 or later" in done.output) == (2, True)
    assert run("check").exit_code == 1


def test_somebody_elses_database_is_refused(here: Path) -> None:
    with sqlite3.connect(here / "theirs.db") as connection:
        connection.execute("CREATE TABLE customers (id INTEGER)")
    before = (here / "theirs.db").read_bytes()
    done = run("upgrade", "--database", "sqlite:///theirs.db")
    assert done.exit_code == 2
    assert "customers" in done.output
    assert (here / "theirs.db").read_bytes()[100:] == before[100:]  # but for its mode


def test_a_database_that_is_not_there_cannot_be_checked(here: Path) -> None:
    done = run("check")
    assert (done.exit_code, "there is no database" in done.output) == (2, True)
    done = run("check", "--database", "postgresql://artemis:s3cret@127.0.0.1:1/artemis")
    assert done.exit_code == 2
    assert "refused" in done.output
    assert "s3cret" not in done.output


def test_a_misspelt_option_of_a_url_is_told(here: Path) -> None:
    done = run("check", "--database", "postgresql://artemis:s3cret@127.0.0.1:1/artemis?sslmod=require")
    assert (done.exit_code, 'invalid connection option "sslmod"' in done.output) == (2, True)


@pytest.mark.parametrize("command", ["check", "upgrade"])
def test_what_is_no_database_is_told(here: Path, command: str) -> None:
    (here / "text.db").write_text("no database\n" * 100)
    done = run(command, "--database", "sqlite:///text.db")
    assert done.exit_code == 2
    assert f"{here}/text.db" in done.output
    assert "file is not a database" in done.output


@pytest.mark.parametrize("command", ["check", "upgrade"])
def test_without_credentials_for_a_login_by_iam_it_is_told(
    here: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(here / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("ARTEMIS_DATABASE_AUTH", "iam")
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", "postgresql://artemis@db.invalid/artemis")
    monkeypatch.setattr("chalicelib.store.login._SESSION", [])
    done = run(command)
    assert (done.exit_code, "there are no AWS credentials" in done.output) == (2, True)


@pytest.mark.parametrize("command", ["check", "upgrade"])
@pytest.mark.parametrize("url", ["nonsense", "mysql://u:s3cret@h/x", "postgresql://u:s3cret@h:port/x"])
def test_a_url_that_cannot_be_used_is_refused_without_its_password(here: Path, command: str, url: str) -> None:
    done = run(command, "--database", url)
    assert done.exit_code == 2
    assert "--database" in done.output
    assert "s3cret" not in done.output
    assert "Traceback" not in done.output


def test_a_server_that_is_not_there_is_told_without_its_password(here: Path) -> None:
    done = run("upgrade", "--database", "postgresql://artemis:s3cret@127.0.0.1:1/artemis")
    assert done.exit_code == 2
    assert "left as it is" in done.output
    assert "refused" in done.output
    assert "s3cret" not in done.output


def test_another_stages_database_is_asked_over_tls(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARTEMIS_STAGE", "production")
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", "postgresql://artemis:s3cret@db/artemis?sslmode=prefer")
    for command in ("check", "upgrade"):
        done = run(command)
        assert (done.exit_code, "ARTEMIS_DATABASE_URL: sslmode=prefer" in done.output) == (2, True)
        assert "s3cret" not in done.output


def test_serving_on_an_older_file_says_what_to_run(project: Any, here: Path, sound: Any) -> None:
    project.notebook("review", sound())
    project.stage("local", "{}")
    project.build()
    write_old(here / ".artemis" / "artemis.db")
    done = project.artemis("serve", "--port", "0")
    assert done.returncode == 2
    assert f"schema 2, and this version needs {SCHEMA_VERSION}: run `artemis db upgrade`" in done.stderr
    assert "Traceback" not in done.stderr
    assert "answers at" not in done.stdout
    done = project.artemis("serve", "--port", "0", ARTEMIS_DATABASE_URL="sqlite:///.artemis/artemis.db?timeout=5")
    assert "--database sqlite:///.artemis/artemis.db" in done.stderr
    store = Store(f"sqlite:///{here}/.artemis/new.db")  # which is made by whoever comes first
    store.ping()
    store.close()
