"""Projects with decisions to label."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, select
from uuid6 import uuid7

from chalicelib.store import Store
from chalicelib.store.tables import decisions
from chalicelib.store.tables import labels as labels_table
from workbench.commands.labels import labels

NOW = datetime.now(UTC)
HEADER = "decision_id,outcome,who,reason"


def decision(**changes: Any) -> dict[str, Any]:
    made = {"id": str(uuid7()), "use_case": "photo_review", "version": "v", "stage": "local", "client": "c"}
    said = {"subject": "회원-1", "status": "decided", "outcome": "approve", "request": '{"user_id":"회원-1"}'}
    rest = {"decision": "{}", "degraded": "[]", "timings": "{}", "duration_ms": 1.0, "created_at": NOW}
    return {**made, **said, **rest, **changes}


class Decided:
    """A project with one use case, and the database of its decisions."""

    def __init__(self, project: Any, url: str) -> None:
        self.project, self.url, self.store = project, url, Store(url)

    def add(self, count: int = 1, **changes: Any) -> list[str]:
        rows = [decision(**changes) for _ in range(count)]
        with self.store.database.begin() as connection:
            connection.execute(insert(decisions), rows)
        return [row["id"] for row in rows]

    def rows(self, table: Any) -> list[dict[str, Any]]:
        with self.store.database.read() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def labels(self) -> list[tuple[str, str, str, str | None]]:
        rows = self.rows(labels_table)
        return sorted((row["decision_id"], row["outcome"], row["who"], row["reason"]) for row in rows)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(labels, [*arguments, "--database", self.url])

    def imported(self, text: str | bytes, *options: str) -> Result:
        return self.run("import", str(self.project.file("labels.csv", text)), *options)

    def sampled(self, *options: str) -> dict[str, Any]:
        done = self.run("sample", "photo-review", "--format", "json", *options)
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def opened(project: Any, sound: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Decided]:
    project.notebook("photo_review", sound())
    project.build()
    monkeypatch.chdir(project.root)
    made = Decided(project, url)
    made.store.ping()
    yield made
    made.store.close()
