"""`artemis costs`: sums over a real store, which it only reads."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from uuid6 import uuid7

from chalicelib.asking import Call
from chalicelib.rows import Record
from chalicelib.store import Store
from chalicelib.store.reading import BATCH
from workbench.commands.costs import costs
from workbench.costs import shown, since_of

NOW = datetime.now(UTC)
PRICES = """\
rekognition:
  moderation:
    usd: 0.001
    per: 1 picture
    source: https://aws.amazon.com/rekognition/pricing/
    date: 2026-10-07
    note: Seoul is dearer
sagemaker:
  predict: {usd: 0.5, per: 1000 items, source: a page, date: 2026-10-07}
"""


class Decided:
    """A store to which decisions with calls are written as the service writes them."""

    def __init__(self, path: Path) -> None:
        self.path, self._store = path, Store(f"sqlite:///{path}")
        self._store.ping()

    def add(self, *calls: Call, use_case: str = "review", task: str = "nudity", ago: float = 0, **more: Any) -> None:
        """One decision, ``ago`` hours old, with one task that made the calls."""
        made = {"id": str(uuid7()), "created_at": NOW - timedelta(hours=ago), "use_case": use_case, **more}
        texts = {"version": "v", "stage": "local", "client": "c", "status": "decided", "request": "{}"}
        empty = {"subject": None, "outcome": None, "decision": None, "failure": None}
        decision = {**texts, **empty, "degraded": "[]", "timings": "{}", "duration_ms": 1.0, **made}
        noted = json.dumps([call.as_dict() for call in calls])
        unsaid = {"provider": None, "model": None, "model_version": None, "output": None, "error": None}
        fact = {"decision_id": made["id"], "task": task, "fact_key": "f", "calls": noted, **unsaid}
        result = {**fact, "fallback_used": False, "started_ms": 0.0, "duration_ms": 1.0, "carried_from": None}
        self._store.save(Record({**decision, "salt": None, "forgotten_at": None}, [result]))

    def close(self) -> None:
        self._store.close()


def call(provider: str = "rekognition", capability: str = "moderation", **more: Any) -> Call:
    return Call(capability, provider, "m", "1", 1.0, **more)


@pytest.fixture
def decided(project: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Decided]:
    """The project's own store, and the project's folder as the present one."""
    monkeypatch.delenv("ARTEMIS_DATABASE_URL", raising=False)
    monkeypatch.chdir(project.root)
    project.file("usecases/pricing.yaml", PRICES)
    opened = Decided(project.root / ".artemis" / "artemis.db")
    yield opened
    opened.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(costs, arguments)


def report(*arguments: str) -> dict[str, Any]:
    """What is reported as JSON."""
    done = run("--format", "json", *arguments)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_calls_are_summed_by_use_case_task_and_provider(decided: Decided) -> None:
    decided.add(call(), call(error="timeout"), call(attempts=0, reused_from="x"))
    decided.add(call(), call("sagemaker", "predict", items=4))
    decided.add(call(), use_case="refund", task="photo")
    found = report()
    review = {"use_case": "review", "task": "nudity", "unpriced": []}
    assert found["lines"] == [
        {"use_case": "refund", "task": "photo", "provider": "rekognition"}
        | {"calls": 1, "failed": 0, "reused": 0, "estimate": 0.001, "saved": 0.0, "unpriced": []},
        review | {"provider": "rekognition", "calls": 4, "failed": 1, "reused": 1, "estimate": 0.003, "saved": 0.001},
        review | {"provider": "sagemaker", "calls": 1, "failed": 0, "reused": 0, "estimate": 0.002, "saved": 0.0},
    ]
    total = {"calls": 6, "failed": 1, "reused": 1, "estimate": 0.006, "saved": 0.001, "unpriced": []}
    assert found["total"] == total
    assert (found["currency"], found["price_list"]) == ("USD", True)


def test_the_table_shows_the_sums_the_total_and_the_notes_of_prices(decided: Decided) -> None:
    decided.add(*[call()] * 1250, call(attempts=0, reused_from="x"))
    text = run().stdout
    (line,) = [line.split() for line in text.splitlines() if line.lstrip().startswith("review")]
    assert line == ["review", "nudity", "rekognition", "1,251", "0", "1", "1.2500", "0.0010"]
    (total,) = [line.split() for line in text.splitlines() if line.lstrip().startswith("total")]
    assert total == ["total", "1,251", "0", "1", "1.2500", "0.0010"]
    assert "rekognition/moderation: Seoul is dearer" in text
    assert "upper estimate" in text


def test_what_has_no_price_is_said_and_not_summed_as_nothing(decided: Decided) -> None:
    decided.add(call(), call("http", "predict"))
    assert report()["total"]["unpriced"] == ["http/predict"]
    text = run().stdout
    assert "0.0010 + ?" in text
    assert "http/predict" in text


def test_without_a_price_list_calls_are_counted_and_it_is_said(decided: Decided, project: Any) -> None:
    (project.root / "usecases/pricing.yaml").unlink()
    decided.add(call(), call())
    found = report()
    assert (found["price_list"], found["total"]["calls"]) == (False, 2)
    assert found["total"]["unpriced"] == ["rekognition/moderation"]
    assert "no price list" in run().stdout


def test_a_price_list_that_does_not_hold_is_refused_with_its_line(decided: Decided, project: Any) -> None:
    project.file("usecases/pricing.yaml", PRICES.replace("usd: 0.001", "usd: free"))
    done = run()
    assert done.exit_code == 2
    assert "usecases/pricing.yaml" in done.output
    assert "line 3: rekognition.moderation.usd" in done.output


def test_only_what_was_decided_in_the_period_counts(decided: Decided) -> None:
    for ago in (1, 11, 13, 24 * 29, 24 * 31):
        decided.add(call(), ago=ago)
    assert report("--since", "12h")["total"]["calls"] == 2
    assert report("--since", "30d")["total"]["calls"] == 4
    assert report()["total"]["calls"] == 4
    day = (NOW - timedelta(days=35)).date().isoformat()
    assert report("--since", day)["total"]["calls"] == 5


def test_only_the_use_case_and_the_stage_that_are_named_count(decided: Decided) -> None:
    decided.add(call(), use_case="photo_review", stage="production")
    decided.add(call(), use_case="photo_review", stage="staging")
    decided.add(call(), use_case="refund", stage="staging")
    assert report("--use-case", "photo-review")["total"]["calls"] == 2
    assert report("--stage", "staging")["total"]["calls"] == 2
    assert report("--stage", "staging", "--use-case", "photo_review")["total"]["calls"] == 1


def test_a_period_without_calls_is_said_to_be_one(decided: Decided) -> None:
    decided.add(ago=1)
    decided.add(call(), ago=100)
    done = run("--since", "2h", "--use-case", "review")
    assert done.exit_code == 0
    assert "no model was called since" in done.stdout
    assert "(use case review)" in done.stdout
    assert report("--since", "2h")["lines"] == []


def test_a_name_that_nothing_has_is_refused(decided: Decided, project: Any, sound: Any) -> None:
    decided.add(call(), use_case="refund", stage="staging")
    project.notebook("photo_review", sound())
    project.stage("production", "providers: {faces: rekognition}")
    project.build()
    for arguments in (
        ["--use-case", "photo-review"],
        ["--stage", "production"],
        ["--use-case", "refund", "--since", "0s"],
    ):
        assert "no model was called" in run(*arguments).stdout
    done = run("--use-case", "photo-reviews")
    assert (done.exit_code, done.output) == (2, "Error: no use case 'photo_reviews'; did you mean 'photo_review'?\n")
    done = run("--stage", "nope", "--format", "json")
    assert (done.exit_code, done.output) == (2, "Error: no stage 'nope'; known: production, staging\n")


def test_where_nothing_was_built_or_decided_no_name_is_known(decided: Decided) -> None:
    assert run("--use-case", "photo").output == "Error: no use case 'photo'; known: none\n"


def test_more_decisions_than_are_read_at_once_are_all_counted(decided: Decided) -> None:
    decided.add(call())
    decided.close()
    database = sqlite3.connect(decided.path)
    for table, key in (("decisions", "id"), ("task_results", "decision_id")):
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        values = ", ".join(f"'copy-' || n || {name}" if name == key else name for name in names)
        database.execute(
            f"INSERT INTO {table} WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {2 * BATCH})"
            f" SELECT {values} FROM {table}, c"
        )
    database.commit()
    database.close()
    assert report()["total"]["calls"] == 2 * BATCH + 1


@pytest.mark.parametrize("since", ["", "30", "d", "1x", "-1d", "yesterday", "2026-13-01", "2026-02-30", "999999d"])
def test_a_period_that_makes_no_sense_is_refused(since: str, decided: Decided) -> None:
    done = run("--since", since)
    assert done.exit_code == 2
    assert "--since" in done.output
    assert repr(since) in done.output


def test_a_day_begins_in_utc_and_a_time_may_name_its_zone() -> None:
    assert since_of("2026-11-01", NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    assert since_of("2026-11-01T09:00+09:00", NOW) == datetime(2026, 11, 1, tzinfo=UTC)
    assert since_of("12h", NOW) == NOW - timedelta(hours=12)


def test_amounts_too_small_to_show_are_not_shown_as_nothing() -> None:
    amounts = ["0", "0.00001", "0.0001", "1234.56789"]
    assert [shown(Decimal(amount)) for amount in amounts] == ["0.0000", "<0.0001", "0.0001", "1,234.5679"]


def test_a_database_that_is_not_there_is_not_made(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARTEMIS_DATABASE_URL", raising=False)
    monkeypatch.chdir(project.root)
    done = run()
    assert done.exit_code == 2
    assert "there is no database" in done.output
    assert not (project.root / ".artemis").exists()


def test_the_environment_and_the_option_name_the_database(
    project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    elsewhere = Decided(tmp_path / "이 폴더?" / "a b.db")
    elsewhere.add(call())
    elsewhere.close()
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", "sqlite:///nowhere.db")
    assert run().exit_code == 2
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", f"sqlite:///{elsewhere.path}")
    assert report()["total"]["calls"] == 1
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", "sqlite:///nowhere.db")
    assert report("--database", f"sqlite:///{elsewhere.path}")["total"]["calls"] == 1


@pytest.mark.parametrize("content", [b"", b"no database at all " * 100])
def test_a_file_that_holds_no_decisions_is_refused_and_left_alone(
    content: bytes, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    path = project.file("other.db", content)
    done = run("--database", "sqlite:///other.db")
    assert done.exit_code == 2
    assert str(path) in done.output
    assert path.read_bytes() == content


@pytest.mark.parametrize("url", ["nosuch://x", "mysql+nosuch://user:s3cret@127.0.0.1/x"])
def test_what_is_no_database_url_is_refused_without_a_secret(
    url: str, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    done = run("--database", url)
    assert done.exit_code == 2
    assert "--database" in done.output
    assert "use postgresql or sqlite" in done.output
    assert "s3cret" not in done.output


def test_what_is_no_url_at_all_is_named_with_where_it_stands(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", "user:s3cret@db")
    said = "is no SQLAlchemy URL, such as sqlite:///.artemis/emulators.db\n"
    assert (run("--database", "foo").exit_code, run("--database", "foo").output) == (
        2,
        f"Error: --database: 'foo' {said}",
    )
    assert (run().exit_code, run().output) == (2, f"Error: ARTEMIS_DATABASE_URL: it {said}")


def test_the_emulators_database_is_named_where_only_that_is_there(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARTEMIS_DATABASE_URL", raising=False)
    monkeypatch.chdir(project.root)
    project.file(".artemis/emulators.db", b"")
    done = run()
    assert (done.exit_code, "--database sqlite:///.artemis/emulators.db" in done.output) == (2, True)
    assert "emulators.db" not in run("--database", "sqlite:///.artemis/other.db").output


def test_a_database_that_is_refused_is_named_without_its_secrets(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    done = run("--database", "sqlite:///file:nowhere.db?mode=ro&uri=true&password=s3cret")
    assert done.exit_code == 2
    assert "nowhere.db cannot be read" in done.output
    assert "s3cret" not in done.output


def test_the_store_is_only_read_while_a_decision_is_written(decided: Decided) -> None:
    decided.add(call())
    writer = sqlite3.connect(decided.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    before = decided.path.read_bytes()
    assert report()["total"]["calls"] == 1
    assert decided.path.read_bytes() == before
    writer.execute("ROLLBACK")
    writer.close()


def test_it_runs_as_a_command_from_any_folder_of_the_project(decided: Decided, project: Any) -> None:
    decided.add(call())
    done = project.artemis("costs", "--since", "1d", cwd=project.notebooks)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rekognition" in done.stdout
