"""A use case whose tasks need no model, and a store of what it decided: for replays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, select
from uuid6 import uuid7

from chalicelib import bootstrap
from chalicelib.errors import DecisionFailed
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import Settings
from chalicelib.store import Store
from chalicelib.store.tables import decisions, label_samples, labels
from workbench.commands.challengers import challengers
from workbench.commands.replay import replay

NAME = "loan_check"
MODELS = """\
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from chalicelib.usecase import Subject, task


class Request(BaseModel):
    user_id: Subject
    income: int
    words: str = ""


class Decision(BaseModel):
    outcome: Literal["pay", "ask", "deny"]
    reasons: list[str] = []
    risk: float
"""
PARAMETERS = """\
risk_deny: Annotated[float, Field(ge=0, le=1)] = 0.8  # at or above: deny
risk_ask: Annotated[float, Field(ge=0, le=1)] = 0.5  # at or above: ask
words_max: int = 5  # more words than this: ask
"""
TASKS = '''\
@task(timeout=5)
def rated(income: int) -> float:
    """The risk of an income."""
    if income < 0:
        raise ValueError("no such income")
    return round(1 / (1 + income / 100), 4)


@task(timeout=5, fallback=None)
def read(words: str) -> list[str] | None:
    """The words."""
    if "!" in words:
        raise ValueError("unreadable")
    return words.split()
'''
LOGIC = '''\
def wordy(read: list[str] | None) -> bool:
    """Whether there are too many words, or none are known."""
    return read is None or len(read) > words_max


def decide(rated: float, wordy: bool) -> Decision:
    """By the risk, and by the words."""
    reasons = ["risk"] * (rated >= risk_ask) + ["words"] * wordy
    outcome = "deny" if rated >= risk_deny else "ask" if reasons else "pay"
    return Decision(outcome=outcome, reasons=reasons, risk=rated)
'''


class Replayed:
    """A project with the use case, and the database of its decisions."""

    def __init__(self, project: Any, url: str, cell: Callable[..., dict[str, Any]]) -> None:
        self.project, self.url, self.cell = project, url, cell
        self.write()
        project.stage("local", "providers: {}\n")
        self.build()

    def write(self, models: str = MODELS, parameters: str = PARAMETERS, tasks: str = TASKS, logic: str = LOGIC) -> None:
        """Write the notebook, with other text in one of its cells."""
        cells = [
            {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Loan check\n", "\n", "May it be?"]},
            self.cell(models, "export", name="models"),
            self.cell(parameters, "parameters", name="parameters"),
            self.cell(tasks, "export", name="tasks"),
            self.cell(logic, "export", name="logic"),
        ]
        self.project.notebook(NAME, cells)

    def build(self) -> None:
        report = self.project.build()
        assert not [one for one in report.problems if one.severity == "error"], report.problems

    @property
    def service(self) -> Service:
        """One for what is built now."""
        content = Manifest.read(self.project.generated)
        return bootstrap.build(Settings("local", self.url, parameters=_parameters(content)), content)

    def decide(self, *incomes: int, words: str = "") -> list[str]:
        """Decisions as the service takes and stores them. Their ids."""
        service, made = self.service, []
        for number, income in enumerate(incomes):
            body = json.dumps({"user_id": f"회원-{number}", "income": income, "words": words})
            try:
                made.append(service.decide(LOCAL_CLIENT, NAME, body).id)
            except DecisionFailed as error:
                made.append(str(error.members["decision_id"]))
        return made

    def label(self, decision_id: str, outcome: str, weight: float | None = None) -> None:
        now = datetime.now(UTC)
        said = {"id": str(uuid7()), "outcome": outcome, "who": "jiwoo", "reason": None, "client": "import"}
        with self.store.database.begin() as connection:
            connection.execute(insert(labels).values(**said, decision_id=decision_id, created_at=now))
            if weight is not None:
                stratum = connection.scalar(select(decisions.c.outcome).where(decisions.c.id == decision_id))
                drawn = {"sample": str(uuid7()), "use_case": NAME, "stratum": stratum, "drawn_at": now}
                connection.execute(insert(label_samples).values(**drawn, decision_id=decision_id, weight=weight))

    @property
    def store(self) -> Store:
        return Store(self.url)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(replay, [NAME, *arguments, "--database", self.url])

    def report(self, *arguments: str) -> dict[str, Any]:
        done = self.run("--format", "json", *arguments)
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def refused(self, *arguments: str) -> str:
        """What is said when nothing could be replayed."""
        done = self.run(*arguments)
        assert done.exit_code == 2, done.output
        assert done.stdout == ""
        return done.stderr.removeprefix("Error: ").strip()

    def challengers(self, *arguments: str) -> Result:
        return CliRunner().invoke(challengers, [*arguments, "--database", self.url])


def _parameters(content: Manifest) -> dict[str, dict[str, Any]]:
    from chalicelib.settings import stage_parameters

    return stage_parameters(content.stages["local"])


@pytest.fixture
def replayed(
    project: Any, cell: Callable[..., dict[str, Any]], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Replayed]:
    """On SQLite, for what has nothing to do with the database."""
    monkeypatch.chdir(project.root)
    yield Replayed(project, f"sqlite:///{tmp_path}/decisions.db", cell)


@pytest.fixture
def replayed_on_each(
    project: Any, cell: Callable[..., dict[str, Any]], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Replayed]:
    """On each database."""
    monkeypatch.chdir(project.root)
    yield Replayed(project, database_url, cell)
