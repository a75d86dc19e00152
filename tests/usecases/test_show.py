"""`show` in a notebook: decision, picture, results and times, of this notebook's own steps."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from workbench.rankings import as_html, as_lines, ranking

CODE = """
import time
from typing import Literal
from pydantic import BaseModel
from chalicelib.usecase import task
from workbench import run, show

class Request(BaseModel):
    name: str

class Decision(BaseModel):
    outcome: Literal["approve", "reject"]
    reasons: list[str] = []

@task
def length(name) -> int:
    return len(name)

def 너무_긴(length) -> bool:
    return length > 3

def decide(너무_긴) -> Decision:
    return Decision(outcome="reject" if 너무_긴 else "approve", reasons=["길이 <b>"] if 너무_긴 else [])
"""
BROKEN = "def 너무_긴(length):\n    return 1 / 0\n"


def execute(*cells: str, allow_errors: bool = False, root: str = ".") -> list[nbformat.NotebookNode]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(notebook, timeout=60, allow_errors=allow_errors, resources={"metadata": {"path": root}})
    client.execute()
    return list(notebook.cells)


@pytest.fixture
def usecases(pytestconfig: pytest.Config) -> str:
    return str(pytestconfig.rootpath / "usecases")


def test_show_displays_decision_picture_results_and_apart_the_times(usecases: str) -> None:
    shown, times = execute(CODE, 'show(Request(name="김민수입니다"))', root=usecases)[-1].outputs
    html, text = shown.data["text/html"], shown.data["text/plain"]
    assert text.startswith('reject   reasons: ["길이 <b>"]')
    assert "너무_긴: true" in text
    assert html.count("<rect") == 4  # the input, the task, the step, decide
    assert "<b>" not in html and "&lt;b&gt;" in html
    assert " ms" not in html + text
    assert "length" in times.data["text/plain"] and " ms" in times.data["text/plain"]


def test_the_picture_is_the_same_each_time(usecases: str) -> None:
    cells = execute(CODE, 'show(Request(name="a"))', 'show(Request(name="a"))', root=usecases)
    assert cells[1].outputs[0].data["text/html"] == cells[2].outputs[0].data["text/html"]


def test_a_failing_step_names_its_input_and_line(usecases: str) -> None:
    cells = execute(CODE, BROKEN, 'show(Request(name="a"))', root=usecases)
    assert "ZeroDivisionError" in cells[-1].outputs[0].data["text/plain"]
    assert "at In[2], line 2" in cells[-1].outputs[0].data["text/plain"]


def test_run_raises_what_show_displays(usecases: str) -> None:
    with pytest.raises(CellExecutionError, match=r"DecisionFailed.*step-failed"):
        execute(CODE, BROKEN, 'run(Request(name="a"))', root=usecases)


def test_a_fallback_is_shown_with_what_went_wrong(usecases: str) -> None:
    broken = "@task(fallback=9)\ndef length(name) -> int:\n    raise RuntimeError('no answer')"
    text = execute(CODE, broken, 'show(Request(name="a"))', root=usecases)[-1].outputs[0].data["text/plain"]
    assert "length: 9 (fallback: RuntimeError: no answer)" in text


def test_logic_that_asks_for_the_time_is_shown_as_it_decided(usecases: str) -> None:
    dated = "def 너무_긴(length, now):\n    return now.year > 2000"
    text = execute(CODE, dated, 'show(Request(name="a"))', root=usecases)[-1].outputs[0].data["text/plain"]
    assert text.startswith("reject")
    assert "너무_긴: true" in text and "decide: {" in text


def test_a_ranking_is_a_table_and_a_line_for_each_place() -> None:
    places = [
        {"id": f"c-{number}", "score": 0.5, "reasons": ["new", "popular"], "seen": number == 1} for number in range(22)
    ]
    assert ranking({"items": places, "considered": 22}) == ("items", places)
    assert ranking({"outcome": "approve", "reasons": ["a"]}) is None and ranking({"items": []}) is None
    assert as_lines(places)[1] == "  2. c-1  0.5  new, popular  yes" and as_lines(places)[-1] == "  and 2 more"
    assert as_html([{"id": "<b>"}]).count("&lt;b&gt;") == 1 and as_html(places).count("<tr>") == 21
