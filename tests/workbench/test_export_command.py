"""`artemis export`: real stores, real files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert
from uuid6 import uuid7

from chalicelib.rows import Record
from chalicelib.store import Store
from chalicelib.store.schema import SCHEMA_VERSION
from chalicelib.store.tables import label_samples, labels
from workbench.commands.export import export

NOW = datetime.now(UTC)
SEALED = '{"$sealed":"gAAAAABtoken"}'
CALL = {"capability": "text", "provider": "rekognition", "model": "DetectText", "version": "3.0", "ms": 80.5}


class Decided:
    """A store to which decisions are written as the service writes them."""

    def __init__(self, url: str) -> None:
        self.url, self.store = url, Store(url)
        self.store.ping()

    def add(self, facts: dict[str, str] | None = None, errors: dict[str, str] | None = None, **more: Any) -> str:
        """One decision an hour old; ``facts`` and ``errors``: task -> JSON text."""
        made = {"id": str(uuid7()), "created_at": NOW - timedelta(hours=1), "use_case": "refund_check", **more}
        texts = {"version": "v1", "stage": "local", "client": "shop", "status": "decided", "request": '{"name":"민지"}'}
        about = {"subject": "회원-7", "outcome": "pay", "decision": '{"outcome":"pay"}', "failure": None}
        rest = {"degraded": "[]", "timings": "{}", "duration_ms": 12.5, "salt": None, "forgotten_at": None}
        given = {name: (text, None) for name, text in (facts or {}).items()}
        failed = {name: (None, text) for name, text in (errors or {}).items()}
        results = [self._result(made["id"], task, *one) for task, one in (given | failed).items()]
        self.store.save(Record({**texts, **about, **rest, **made}, results))
        return str(made["id"])

    def _result(self, decision_id: str, task: str, output: str | None, error: str | None) -> dict[str, Any]:
        calls = {"fact_key": "f", "provider": None, "model": None, "model_version": None, "calls": json.dumps([CALL])}
        times = {"fallback_used": False, "started_ms": 0.0, "duration_ms": 1.0, "carried_from": None}
        return {"decision_id": decision_id, "task": task, "output": output, "error": error, **calls, **times}

    def label(self, decision_id: str, outcome: str, who: str) -> None:
        row = {"id": str(uuid7()), "decision_id": decision_id, "outcome": outcome, "who": who, "created_at": NOW}
        with self.store.database.begin() as connection:
            connection.execute(insert(labels).values(**row, reason="사유", client="import"))

    def draw(self, decision_id: str, weight: float) -> None:
        row = {"sample": str(uuid7()), "decision_id": decision_id, "use_case": "refund_check", "stratum": "pay"}
        with self.store.database.begin() as connection:
            connection.execute(insert(label_samples).values(**row, weight=weight, drawn_at=NOW))


@pytest.fixture
def decided(project: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Decided]:
    """The project's store, and the project's folder as the present one."""
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", database_url)
    monkeypatch.chdir(project.root)
    opened = Decided(database_url)
    yield opened
    opened.store.close()


@pytest.fixture
def local(project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Decided]:
    """The same on SQLite, for what has nothing to do with the database."""
    url = f"sqlite:///{tmp_path}/decisions.db"
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", url)
    monkeypatch.chdir(project.root)
    opened = Decided(url)
    yield opened
    opened.store.close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(export, ["refund_check", *arguments])


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def told(result: Result) -> str:
    """A message on one line, whatever the width of the terminal."""
    return " ".join(result.stderr.split())


def test_a_row_has_all_there_is_about_a_decision(decided: Decided) -> None:
    made = decided.add({"읽기": '{"text":"사진 ✓"}'}, {"faces": '{"error":"timeout","type":"X","message":"민지"}'})
    decided.label(made, "refuse", "하나")
    decided.label(made, "pay", "둘")
    decided.draw(made, 12.5)
    (row,) = rows(run())
    sample = row["samples"][0].pop("sample")
    who = [label.pop("created_at") and label for label in row["labels"]]
    assert len(sample) == 36
    assert row == {
        "id": made,
        "use_case": "refund_check",
        "version": "v1",
        "stage": "local",
        "client": "shop",
        "subject": "회원-7",
        "status": "decided",
        "outcome": "pay",
        "created_at": (NOW - timedelta(hours=1)).isoformat(),
        "duration_ms": 12.5,
        "degraded": [],
        "request": {"name": "민지"},
        "decision": {"outcome": "pay"},
        "failure": None,
        "facts": {"읽기": {"text": "사진 ✓"}},
        "errors": {"faces": {"error": "timeout", "type": "X"}},
        "models": [{"task": task} | {k: v for k, v in CALL.items() if k != "ms"} for task in ("faces", "읽기")],
        "labels": who,
        "samples": [{"stratum": "pay", "weight": 12.5}],
    }
    assert who == [{"outcome": "refuse", "who": "하나"}, {"outcome": "pay", "who": "둘"}]


def test_parquet_has_the_same_rows_with_types(decided: Decided, tmp_path: Path) -> None:
    from pyarrow import parquet

    decided.draw(decided.add({"읽기": '"사진"'}), 2.0)
    decided.add(status="failed", outcome=None, decision=None, failure='{"kind":"deadline","error":{"message":"m"}}')
    file = tmp_path / "결정.parquet"
    result = run("--output", str(file))
    assert told(result) == f"wrote 2 decisions, 1 of them failed to {file}"
    read = parquet.read_table(file)
    types = {name: str(read.schema.field(name).type) for name in ("created_at", "duration_ms", "request")}
    assert types == {"created_at": "timestamp[us, tz=UTC]", "duration_ms": "double", "request": "string"}
    as_lines = [_as_line(row) for row in read.to_pylist()]
    assert as_lines == rows(run())


def _as_line(row: dict[str, Any]) -> dict[str, Any]:
    texts = ("degraded", "request", "decision", "failure", "facts", "errors", "models", "labels", "samples")
    parsed = {name: row[name] and json.loads(row[name]) for name in texts}
    return {**row, **parsed, "created_at": row["created_at"].isoformat()}


def test_what_is_sensitive_is_masked_and_what_an_exception_said_is_left_out(decided: Decided) -> None:
    failure = f'{{"kind":"step-failed","step":"decide","error":{{"message":"010-1234","seen":{SEALED}}}}}'
    decided.add({"phone": SEALED}, request=f'{{"phone":{SEALED}}}', decision=f'{{"outcome":"pay","to":{SEALED}}}')
    decided.add(request=f'{{"phone":{SEALED}}}', status="failed", decision=None, outcome=None, failure=failure)
    result = run()
    first, second = rows(result)
    assert "$sealed" not in result.stdout
    assert "010-1234" not in result.stdout
    assert first["request"] == {"phone": "[sensitive]"}
    assert first["decision"] == {"outcome": "pay", "to": "[sensitive]"}
    assert first["facts"] == {"phone": "[sensitive]"}
    assert second["failure"] == {"error": {"seen": "[sensitive]"}, "kind": "step-failed", "step": "decide"}


def test_what_is_forgotten_is_left_out_and_counted(decided: Decided) -> None:
    decided.add()
    decided.add(status="forgotten", subject=None, request="{}", decision=None, forgotten_at=NOW)
    result = run()
    assert [row["status"] for row in rows(result)] == ["decided"]
    assert told(result) == "wrote 1 decision; 1 forgotten left out"


def test_the_period_the_outcome_and_the_stage_are_selected(local: Decided) -> None:
    now, old = local.add(), local.add(created_at=NOW - timedelta(hours=30))
    refused = local.add(outcome="refuse", stage="staging")
    local.add(use_case="another")
    assert [row["id"] for row in rows(run("--since", "2d", "--until", "1d"))] == [old]
    assert [row["id"] for row in rows(run("--since", "1d"))] == [now, refused]
    assert [row["id"] for row in rows(run("--outcome", "refuse"))] == [refused]
    assert [row["id"] for row in rows(run("--stage", "staging"))] == [refused]


def test_a_use_case_may_be_named_in_kebab_case(local: Decided) -> None:
    local.add()
    assert CliRunner().invoke(export, ["refund-check"]).exit_code == 0


def test_nothing_found_is_exit_code_1_and_no_file(local: Decided, tmp_path: Path) -> None:
    local.add()
    result = run("--until", "2d", "--output", str(tmp_path / "out.jsonl"))
    assert result.exit_code == 1
    assert told(result).startswith("no such decision of refund_check from ")
    assert list(tmp_path.glob("*out*")) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "parquet"], "parquet cannot go to standard output: name a file with --output"),
        (["--since", "soon"], "'soon' is neither an age, such as 30d or 12h, nor a day, such as 2026-11-01"),
        (["--until", "2026-13-01"], "'2026-13-01' is no day"),
        (["--since", "1d", "--until", "2d"], "is not before --until"),
        (["--since", "2999-01-01"], "is not before now"),
        (["--format", "csv"], "'csv' is not one of 'jsonl', 'parquet'"),
        (["--outcome", "pya"], "ever had the outcome 'pya'; did you mean 'pay'?"),
        (["--stage", "prodution"], "no stage 'prodution'; known: "),
        (["--output", "nowhere/out.jsonl"], "there is no folder nowhere"),
        (["--output", "usecases"], "usecases is a folder: name a file"),
        (["--database", "sqlite:///none.db"], "there is no database "),
        (["--database", "mysql://u:secret@h/db"], "--database: mysql is not supported"),
    ],
)
def test_a_bad_option_is_told_with_what_to_do(local: Decided, arguments: list[str], message: str) -> None:
    local.add()
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in told(result)
    assert result.stdout == ""
    assert "secret" not in result.stderr


def test_a_misspelt_use_case_is_no_lack_of_decisions(local: Decided) -> None:
    local.add()
    result = CliRunner().invoke(export, ["refund_chek"])
    assert (result.exit_code, told(result)) == (2, "Error: no use case 'refund_chek'; did you mean 'refund_check'?")


def test_a_file_that_is_there_is_replaced_only_by_force(local: Decided, tmp_path: Path) -> None:
    local.add()
    file = tmp_path / "out.jsonl"
    file.write_text("mine")
    result = run("--output", str(file))
    assert (result.exit_code, file.read_text()) == (2, "mine")
    assert told(result) == f"Error: {file} is there already: --force replaces it"
    assert run("--output", str(file), "--force").exit_code == 0
    assert json.loads(file.read_text("utf-8"))["subject"] == "회원-7"
    assert file.stat().st_mode & 0o077 == 0  # it is about people


def test_a_name_that_says_no_format_is_answered_with_the_one_that_was_written(local: Decided, tmp_path: Path) -> None:
    local.add()
    assert told(run("--output", str(tmp_path / "out.csv"))).endswith("out.csv, as jsonl")


def test_an_export_that_breaks_leaves_what_was_there(local: Decided, tmp_path: Path) -> None:
    local.add(request="{}", failure="no JSON")
    file = tmp_path / "out.jsonl"
    file.write_text("mine")
    assert run("--output", str(file), "--force").exit_code != 0
    assert [path.name for path in tmp_path.glob("*out*")] == ["out.jsonl"]
    assert file.read_text() == "mine"


def test_a_database_that_is_not_migrated_is_told(local: Decided) -> None:
    with local.store.database.begin() as connection:
        connection.exec_driver_sql("UPDATE schema_version SET version = 2")
    result = run()
    assert result.exit_code == 2
    assert f"schema 2, and this version needs {SCHEMA_VERSION}: run `artemis db upgrade`" in told(result)


def test_lines_are_utf_8_whatever_the_terminal_and_a_closed_pipe_is_no_traceback(local: Decided) -> None:
    for _ in range(600):
        local.add()
    command = [sys.executable, "-m", "workbench", "export", "refund_check"]
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": str(Path(__file__).parents[2])}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe) as process:
        assert process.stdout
        assert process.stderr
        assert "회원-7".encode() in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
