"""The notebooks that are built: ours by cell tags, nbdev's by comments, with the same code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Cells = list[tuple[str, str]]  # (markdown | export | parameters | other, source)

IMPORTS = """\
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from chalicelib.usecase import Subject, task"""
PARAMETERS = """\
risk_review: Annotated[float, Field(ge=0, le=1)] = 0.5  # at or above: review
risk_reject: Annotated[float, Field(ge=0, le=1)] = 0.8  # at or above: reject"""
CONTRACT = '''\
class Request(BaseModel):
    """Somebody asks for something."""

    user_id: Subject
    city: Annotated[str, Field(max_length=100)]
    age: Annotated[int, Field(ge=18, le=120)]
    score: Annotated[float, Field(ge=0, le=1)]
    tags: list[str] = []


class Decision(BaseModel):
    """Whether they get it."""

    outcome: Literal["approve", "review", "reject"]
    reasons: list[Literal["risk", "place"]] = []'''
TASKS = '''\
@task(timeout=5)
def credit(score: float) -> float:
    """A model that only repeats what it is given."""
    return score


@task(timeout=5)
def maturity(age: int) -> int:
    """Another."""
    return age


@task(timeout=5)
def place(city: str) -> str:
    """A third."""
    return city'''
STEPS = '''\
def risk(credit: float, maturity: int) -> float:
    """How much speaks against it."""
    return 1 - credit if maturity >= 18 else 1.0


def known(place: str, city: str) -> bool:
    """Whether the place is the one that was given."""
    return place == city'''
DECIDE = '''\
def decide(risk: float, known: bool) -> Decision:
    """Reject at much risk, review at some or in an unknown place."""
    reasons: list[Literal["risk", "place"]] = ["risk"] if risk >= risk_review else []
    if not known:
        reasons = [*reasons, "place"]
    outcome: Literal["approve", "review", "reject"] = "review" if reasons else "approve"
    return Decision(outcome="reject" if risk >= risk_reject else outcome, reasons=reasons)'''


def use_case(number: int = 0) -> Cells:
    """The cells of a use case with three tasks; ``number`` makes its text another."""
    return [
        ("markdown", f"# Use case {number}\n\nA decision from three models that know nothing."),
        ("export", IMPORTS),
        ("export", CONTRACT),
        ("markdown", "## Parameters"),
        ("parameters", PARAMETERS),
        ("export", TASKS),
        ("export", STEPS),
        ("export", DECIDE),
        ("markdown", "## Trying it"),
        ("other", f'tried = decide({number} / 100, True)\nprint(tried.outcome, "in a notebook")'),
    ]


def small_use_case(number: int = 0) -> Cells:
    """The least that is a use case: one plain step, one parameter, no task."""
    contract = "class Request(BaseModel):\n    user_id: str\n    score: float\n\n\n"
    contract += 'class Decision(BaseModel):\n    outcome: Literal["approve", "reject"]'
    decided = 'Decision(outcome="reject" if weigh >= threshold else "approve")'
    return [
        ("markdown", f"# Use case {number}\n\nA decision from one number."),
        ("export", "from typing import Annotated, Literal\n\nfrom pydantic import BaseModel, Field"),
        ("parameters", "threshold: Annotated[float, Field(ge=0, le=1)] = 0.5  # at or above: reject"),
        ("export", contract),
        ("export", "def weigh(score: float) -> float:\n    return score * 2"),
        ("export", f"def decide(weigh: float) -> Decision:\n    return {decided}"),
        ("other", f"print({number})"),
    ]


def write_ours(path: Path, cells: Cells) -> None:
    """A notebook whose cells are marked by tags."""
    made = [_cell(kind, source, index, [kind]) for index, (kind, source) in enumerate(cells)]
    path.write_text(_notebook(made), "utf-8")


def write_nbdev(path: Path, cells: Cells) -> None:
    """A notebook whose cells are marked by comments."""
    made = [_cell("other", f"#| default_exp {path.stem}", 0, [])]
    for index, (kind, source) in enumerate(cells, 1):
        mark = "#| export\n" if kind in ("export", "parameters") else ""
        made.append(_cell(kind, mark + source, index, []))
    path.write_text(_notebook(made), "utf-8")


def _cell(kind: str, source: str, index: int, tags: list[str]) -> dict[str, Any]:
    lines = source.splitlines(keepends=True)
    if kind == "markdown":
        return {"cell_type": "markdown", "id": f"cell-{index}", "metadata": {}, "source": lines}
    metadata = {"tags": tags} if tags and kind != "other" else {}
    code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "outputs": []}
    return {**code, "id": f"cell-{index}", "metadata": metadata, "source": lines}


def _notebook(cells: list[dict[str, Any]]) -> str:
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    content = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1) + "\n"
