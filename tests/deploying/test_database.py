"""The database at a deployment: brought forward before the code, and not by what the live code would not survive."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deployed_project import change_variables, deploy, deployed, record, run
from small import Next
from stage_at_aws import live

from chalicelib.store.database import open_engine
from tests.databases import at
from tests.emulators.cloud import Cloud
from workbench.deploying import database
from workbench.migrate import MIGRATIONS, ahead, revision_of, upgrade
from workbench.project import Project


@pytest.fixture(autouse=True)
def _small(next_package: Next) -> None:
    """Every deployment here is of a small package."""


@pytest.fixture
def old_database(postgres_template: str) -> Iterator[str]:
    """A database of the schema before the last."""
    with psycopg.connect(postgres_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE old_schema")
    url = at(postgres_template, "old_schema")
    engine = open_engine(url)
    upgrade(engine, "0003")
    engine.dispose()
    yield url
    with psycopg.connect(postgres_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE old_schema WITH (FORCE)")


@pytest.fixture
def next_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Adds a migration, by the code of its ``upgrade``."""
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("workbench.migrate.MIGRATIONS", folder)

    def add(code: str, compatible_from: int = 3) -> None:
        text = (
            '"""The next."""\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
            'revision, down_revision = "0006", "0005"\n'
            f"VERSION, COMPATIBLE_FROM = 6, {compatible_from}\n\ndef upgrade():\n    {code}\n"
        )
        (folder / "versions" / "0006_next.py").write_text(text, "utf-8")

    return add


def revision(url: str) -> str | None:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = revision_of(connection)
    engine.dispose()
    return found


def test_it_is_brought_forward_before_the_code_comes(
    cloud: Cloud, project: Project, old_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = cloud._change, list[Any]()
    monkeypatch.setattr(cloud, "_change", lambda request: (seen.append(revision(old_database)), real(request))[1])

    told = deployed("--database", old_database).output

    assert "schema 3, to be brought forward: 0004 What challengers would have decided; 0005" in told
    assert seen[0] == "0005" and live() == "1"


def test_a_plan_leaves_it_as_it_is(cloud: Cloud, project: Project, old_database: str) -> None:
    told = run("deploy", "--stage", "staging", "--plan", "--database", old_database)

    assert "to be brought forward" in told.output and revision(old_database) == "0003"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('op.drop_column("decisions", "subject")', "takes a column away: ALTER TABLE decisions DROP COLUMN subject"),
        ('op.drop_table("labels")', "takes a table away: DROP TABLE labels"),
        ('op.execute("DELETE FROM labels")', "deletes rows: DELETE FROM labels"),
        ('op.execute("TRUNCATE labels")', "deletes rows: TRUNCATE labels"),
        ('op.alter_column("labels", "reason", new_column_name="why")', "renames: ALTER TABLE labels RENAME"),
        ('op.alter_column("labels", "reason", nullable=False)', "refuses what is empty"),
        ('op.alter_column("labels", "reason", type_=sa.Integer)', "changes a column's type"),
        ('op.add_column("labels", sa.Column("x", sa.Text, nullable=False))', "adds a column that inserts have to fill"),
        ('next(iter(op.get_bind().execute(sa.text("SELECT 1"))))', "what it does cannot be told before it runs"),
    ],
)
def test_what_the_live_code_would_not_survive_is_refused(
    cloud: Cloud, project: Project, next_migration: Any, code: str, said: str
) -> None:
    next_migration(code)

    done = deploy()

    assert done.exit_code == 2, done.output
    assert f"migration 0006{' ' if said[0] != 'w' else ': '}{said}" in done.output
    assert "make two deployments of it" in done.output
    assert cloud.count("CreateStack") == 0


@pytest.mark.parametrize(
    "code",
    [
        'op.add_column("labels", sa.Column("x", sa.Text))',
        'op.add_column("labels", sa.Column("x", sa.Text, nullable=False, server_default=""))',
        'op.create_index("ix_x", "labels", ["who"])',
        'op.create_table("y", sa.Column("id", sa.Integer, primary_key=True), sa.Column("z", sa.Text, nullable=False))',
        'op.drop_index("ix_labels_decision", "labels")',
    ],
)
def test_what_adds_is_not(database: str, next_migration: Any, code: str) -> None:
    next_migration(code)

    assert _look(database).destructive == []


def test_what_says_that_it_breaks_the_live_software_is_refused(database: str, next_migration: Any) -> None:
    next_migration("pass", compatible_from=6)

    assert _look(database).destructive == [
        "migration 0006: software for schema 5, which is live, does not work with it"
    ]


def test_it_is_done_all_the_same_where_somebody_says_so(
    cloud: Cloud, project: Project, database: str, next_migration: Any
) -> None:
    next_migration('op.drop_column("decisions", "subject")')

    deployed("--allow-destructive")

    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        columns = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'decisions'"
        )
        assert ("subject",) not in columns.fetchall()


def test_our_own_migrations_take_nothing_away(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with engine.connect() as connection:
        steps = ahead(connection)
    engine.dispose()

    assert [step.revision for step in steps] == ["0001", "0002", "0003", "0004", "0005"]
    assert [*database.destructive([step for step in steps if step.revision > "0003"], 3)] == []


def test_one_that_cannot_be_reached_stops_it_before_anything_is_done(cloud: Cloud, project: Project) -> None:
    done = deploy("--database", "postgresql://artemis:geheim@127.0.0.1:9/artemis?sslmode=verify-full")

    assert done.exit_code == 2 and "run this where it can be reached" in done.output
    assert (record().status, record().version) == ("failed", "none")
    assert "geheim" not in done.output and cloud.count("CreateStack") == 0


def test_one_that_is_a_secret_has_to_be_named_or_left_to_others(cloud: Cloud, project: Project) -> None:
    change_variables({"ARTEMIS_DATABASE_URL": "{{resolve:ssm:/artemis/staging/database-url}}"})
    cloud.secrets["/artemis/staging/database-url"] = "sqlite:////tmp/unused.db"

    refused = deploy()

    assert refused.exit_code == 2 and "with --no-migrate" in refused.output
    assert "left to somebody else (--no-migrate)" in deployed("--no-migrate").output


def _look(url: str) -> database.Migration:
    return database.look(url, None)
