"""`artemis purge` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.rows import Record
from chalicelib.store import Store
from chalicelib.store.ids import first_id
from workbench.commands.purge import purge

NOW = datetime.now(UTC)


@pytest.fixture
def store(project: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The project's own store, with a decision of each of some ages, and the project's folder as the present one."""
    monkeypatch.delenv("ARTEMIS_DATABASE_URL", raising=False)
    monkeypatch.chdir(project.root)
    opened = Store(f"sqlite:///{project.root}/.artemis/artemis.db")
    for days in (1, 20, 200, 300):
        opened.save(Record(_decision(NOW - timedelta(days=days, hours=1))))
    yield opened
    opened.close()


def _decision(at: datetime) -> dict[str, Any]:
    texts = {"use_case": "review", "version": "v", "stage": "local", "client": "c", "status": "decided"}
    empty = dict.fromkeys(("subject", "outcome", "decision", "failure", "salt", "forgotten_at"))
    json_texts = {"request": "{}", "degraded": "[]", "timings": "{}"}
    return {"id": first_id(at), **texts, **empty, **json_texts, "duration_ms": 1.0, "created_at": at}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(purge, arguments)


def left(store: Store) -> int:
    with store.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM decisions").scalar_one())


def test_what_is_too_old_is_deleted_and_said(store: Store) -> None:
    done = run("--older-than", "180d", "--yes")
    assert done.exit_code == 0, done.output
    assert "decisions: 2 deleted" in done.output
    assert left(store) == 2
    again = run("--older-than", "180d", "--yes")
    assert (again.exit_code, "decisions: 0 deleted" in again.output) == (0, True)


def test_a_dry_run(store: Store) -> None:
    done = run("--older-than", "10d", "--dry-run")
    assert (done.exit_code, left(store)) == (0, 4)
    assert "decisions: 3 would be deleted" in done.output


def test_the_report_is_json(store: Store) -> None:
    report = json.loads(run("--older-than", "180d", "--yes", "--format", "json").stdout)
    assert report["rows"]["decisions"] == 2
    assert (report["dropped"], report["partitions"], report["problems"]) == ([], None, [])
    assert datetime.fromisoformat(report["before"]) < NOW - timedelta(days=179)


def test_whole_months_only(store: Store) -> None:
    report = json.loads(run("--older-than", "180d", "--whole-months", "--dry-run", "--format", "json").stdout)
    before = datetime.fromisoformat(report["before"])
    assert (before.day, before.hour, before.minute) == (1, 0, 0)
    assert before <= NOW - timedelta(days=180)


def test_nobody_to_ask(store: Store) -> None:
    done = run("--older-than", "180d")
    assert (done.exit_code, left(store)) == (2, 4)
    assert "2 decisions" in done.output
    assert "--yes" in done.output


@pytest.mark.parametrize(
    ("age", "said"), [("12h", "least"), ("soon", "not a duration"), ("-3d", "duration"), ("999999d", "before all time")]
)
def test_an_age_that_is_none(store: Store, age: str, said: str) -> None:
    done = run("--older-than", age, "--yes")
    assert (done.exit_code, left(store)) == (2, 4)
    assert said in done.output


def test_no_database_is_made(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARTEMIS_DATABASE_URL", raising=False)
    monkeypatch.chdir(project.root)
    done = run("--older-than", "180d", "--yes")
    assert done.exit_code == 2
    assert "there is no database" in done.output
    assert not (project.root / ".artemis" / "artemis.db").exists()
