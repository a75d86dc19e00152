"""Small use cases without a model, as notebooks, and a project that holds them built."""

from __future__ import annotations

import json
from pathlib import Path

from api_trouble import QUEUE, TROUBLE

from workbench.build import build
from workbench.project import Project

REFUND = [
    ("markdown", "# Refund check\n\nMay this refund be paid at once?"),
    (
        "export",
        """\
from typing import Annotated, Any, Literal
from pydantic import BaseModel, ConfigDict, Field
from chalicelib.usecase import Subject, task

class Item(BaseModel):
    sku: str
    count: int = 1

class Request(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "u-1", "amount": 12.5}]})
    user_id: Subject
    amount: float
    items: list[Item] = []
    note: str = ""
    weights: dict[str, float] = {}
    free: dict[str, Any] = {}
    channel: Literal["app", "web"] = "app"

class Decision(BaseModel):
    outcome: Literal["pay", "review"]
    reasons: list[Literal["high_amount", "many_items"]] = []
    words: str = \"\"""",
    ),
    ("parameters", "limit: Annotated[float, Field(ge=0)] = 100.0  # an amount above: review"),
    (
        "export",
        """\
@task(timeout=5)
def item_count(items: list[Item]) -> int:
    return len(items)

@task(timeout=5)
def profile(user_id: str, note: str) -> dict[str, str]:
    return {"user": user_id, "words": note}

def high(amount: float) -> bool:
    return amount > limit

def decide(high, item_count, profile) -> Decision:
    reasons = ["high_amount"] * high + ["many_items"] * (item_count > 3)
    return Decision(outcome="review" if reasons else "pay", reasons=reasons, words=profile["words"])""",
    ),
]

PHOTO = [
    ("markdown", "# Photo probe\n\nWhat kind of picture is it?"),
    (
        "export",
        """\
from typing import Literal
from pydantic import BaseModel
from chalicelib.usecase import Photo, Subject, task

class Request(BaseModel):
    user_id: Subject
    photo: Photo

class Decision(BaseModel):
    outcome: Literal["seen"]
    format: str
    pixels: int""",
    ),
    ("parameters", "unused: int = 1"),
    (
        "export",
        """\
@task(timeout=10)
def shape(photo: Photo) -> list[int]:
    return [*photo.image().size, len(photo.read())]

def decide(shape, photo: Photo) -> Decision:
    assert shape == [photo.width, photo.height, photo.size]
    return Decision(outcome="seen", format=photo.format, pixels=photo.width * photo.height)""",
    ),
]

OTHER_NAMES = [
    ("markdown", "# Other names\n\nFields that are called otherwise on the wire."),
    (
        "export",
        """\
from pydantic import BaseModel, Field, RootModel
from chalicelib.usecase import Subject, task

class Scores(RootModel[list[float]]):
    pass

class Line(BaseModel):
    text: str = Field(alias="line/text")

class Request(BaseModel):
    user_id: Subject = Field(alias="userId")
    share: float = Field(default=0.0, alias="theShare")
    scores: Scores = Scores([])
    lines: list[Line] = []

class Decision(BaseModel):
    user: str""",
    ),
    ("parameters", "unused: int = 1"),
    ("export", "def decide(user_id) -> Decision:\n    return Decision(user=user_id)"),
]

NOTEBOOKS = {
    "other_names": OTHER_NAMES,
    "photo_probe": PHOTO,
    "queue": QUEUE,
    "refund_check": REFUND,
    "trouble": TROUBLE,
}


def write_notebook(path: Path, cells: list[tuple[str, str]]) -> None:
    """Cells are (tag, source); the tag ``markdown`` is the kind of cell."""
    content = [
        {"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": source}
        if tag == "markdown"
        else {
            "cell_type": "code",
            "execution_count": None,
            "id": f"cell-{number}",
            "metadata": {"tags": [tag]},
            "outputs": [],
            "source": source,
        }
        for number, (tag, source) in enumerate(cells, 1)
    ]
    notebook = {"cells": content, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), "utf-8")


def make_project(root: Path, stages: dict[str, str], notebooks: dict[str, list[tuple[str, str]]]) -> Project:
    """A built project in ``root``; ``stages``: name -> the stage file's text."""
    (root / "usecases" / "stages").mkdir(parents=True)
    for name, text in stages.items():
        (root / "usecases" / "stages" / f"{name}.yaml").write_text(text, "utf-8")
    for name, cells in notebooks.items():
        write_notebook(root / "usecases" / f"{name}.ipynb", cells)
    project = Project(root)
    report = build(project)
    assert not report.failed, report.problems
    return project
