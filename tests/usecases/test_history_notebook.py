"""History in a notebook: empty unless a past is made by hand, and then asked as in the service."""

from __future__ import annotations

import json

import nbformat
import pytest
from nbclient import NotebookClient

CODE = """
from datetime import UTC, datetime, timedelta
from typing import Literal
from pydantic import BaseModel
from chalicelib.usecase import History, PastDecision, PastLabel, PastResult, Subject, task
from workbench import run, show

class Request(BaseModel):
    user_id: Subject

class Decision(BaseModel):
    outcome: Literal["approve", "reject"]
    seen: list[str] = []

@task
def refused(history) -> list[PastDecision]:
    return history.decisions(outcome="reject", since="7d")

@task(fallback=[])
def scores(history) -> list[float]:
    return [past.result["score"] for past in history.results("score", "profile_photo_review")]

@task
def said(history) -> list[str]:
    return [f"{label.who}: {label.outcome}, not {label.decided}" for label in history.labels()]

def decide(refused, scores, said) -> Decision:
    return Decision(outcome="reject" if refused else "approve", seen=[*map(str, scores), *said])

def ago(days):
    return datetime.now(UTC) - timedelta(days=days)

past = History.of(
    decisions=[PastDecision(outcome="reject", created_at=ago(1)), PastDecision(outcome="reject", created_at=ago(8))],
    results=[PastResult(task="score", use_case="profile_photo_review", result={"score": 0.7}, created_at=ago(2)),
             PastResult(task="score", use_case="another", result={"score": 0.1}, created_at=ago(2))],
    labels=[PastLabel(outcome="approve", decided="reject", who="김민지", created_at=ago(1))],
)
request = Request(user_id="회원-1")
"""
ASK = """
import json
print(json.dumps([run(request).model_dump(), run(request, history=past).model_dump(), len(refused(past))]))
"""
MISSPELT = """
@task
def said(history) -> list[str]:
    return [label.who for label in history.labels("profile_foto_review")]
"""
NOBODY = """
class Request(BaseModel):
    user_id: str
"""
FAILS = """
try:
    run(Request(user_id="회원-1"), history=past)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def outputs(pytestconfig: pytest.Config) -> list[list[nbformat.NotebookNode]]:
    """What came out of each cell."""
    cells = [CODE, ASK, "show(request, history=past)", "show(request)", MISSPELT, FAILS, NOBODY, FAILS]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    folder = str(pytestconfig.rootpath / "usecases")
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": folder}}).execute()
    return [cell.get("outputs", []) for cell in notebook.cells]


def test_the_past_is_empty_or_what_was_made_by_hand(outputs: list[list[nbformat.NotebookNode]]) -> None:
    empty, made, by_hand = json.loads(outputs[1][0].text)
    assert empty == {"outcome": "approve", "seen": []}
    assert made == {"outcome": "reject", "seen": ["0.7", "김민지: approve, not reject"]}
    assert by_hand == 1  # a task called as a plain function, with the same filters


def test_show_shows_what_the_past_was(outputs: list[list[nbformat.NotebookNode]]) -> None:
    made, empty = (outputs[number][0].data["text/plain"] for number in (2, 3))
    assert made.startswith("reject") and 'refused: [{"id": "", "use_case": "", "subject": "", "outcome": ' in made
    assert empty.startswith("approve") and "refused: []" in empty


def test_a_use_case_that_there_is_none_of_is_named_with_the_nearest(
    outputs: list[list[nbformat.NotebookNode]],
) -> None:
    (said,) = outputs[5]
    assert "there is no such use case; did you mean 'profile_photo_review'?" in said.text


def test_without_a_subject_it_is_said_that_there_is_nobodys_past(outputs: list[list[nbformat.NotebookNode]]) -> None:
    (said,) = outputs[7]
    assert "asks for history, but Request does not say whose decision it is" in said.text
