"""`artemis graph`: what is asked of whom, which use case feeds which, as text, picture and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.workbench.conftest import Sound, TemporaryProject

Cell = Callable[..., dict[str, Any]]
PAST = """
from chalicelib.usecase import Subject, task

class Request(BaseModel):
    user_id: Subject

def helper(models, name):
    return models.predict("churn", [{}]), models.predict(name, {})

@task
def chances(models) -> list[float]:
    helper(models, "x")
    return models.embedding("안녕")

@task
def reviews(history, user_id) -> int:
    others = history.outcomes([user_id], use_case=user_id)
    return len(history.decisions("photo_review")) + len(others) + len(history.labels())

def decide(chances, reviews) -> Decision:
    return Decision(outcome="review")
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, sound: Sound, cell: Cell) -> TemporaryProject:
    made = TemporaryProject(tmp_path_factory.mktemp("graph") / "project")
    made.notebook("photo_review", sound())
    cells = sound()
    made.notebook("fed", [*cells[:3], cell(PAST, "export", name="past")])
    made.stage("local", "providers: {embedding: local, predict/churn: [http, local]}\n")
    made.build()
    return made


def shown(project: TemporaryProject, *arguments: str) -> str:
    done = project.artemis("graph", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def edges(found: dict[str, Any], kind: str) -> set[tuple[str, str]]:
    return {(one["source"], one["target"]) for one in found["edges"] if one["kind"] == kind}


def test_tasks_are_joined_with_what_they_ask_also_through_helpers(project: TemporaryProject) -> None:
    found = json.loads(shown(project, "--format", "json"))
    assert {target for source, target in edges(found, "asks") if source == "task:fed.chances"} == {
        "capability:embedding",
        "capability:predict/churn",
        "capability:predict/?",
    }
    assert {("capability:predict/churn", "provider:http"), ("capability:predict/churn", "provider:local")} <= edges(
        found, "answered_by"
    )
    assert ("capability:predict/?", "provider:nobody") in edges(found, "answered_by")


def test_past_decisions_lead_from_one_use_case_to_the_task_of_another(project: TemporaryProject) -> None:
    found = json.loads(shown(project, "--format", "json"))
    assert edges(found, "feeds") == {
        ("use_case:photo_review", "task:fed.reviews"),
        ("use_case:fed", "task:fed.reviews"),  # labels() names none: its own
        ("use_case:?", "task:fed.reviews"),  # which is not written out
    }


def test_mermaid_has_a_line_for_each_node_and_edge(project: TemporaryProject) -> None:
    first, *lines = shown(project).splitlines()
    node = re.compile(r'  n\d+(\(\["[^"]+"\]\)|\["[^"]+"\]|\{\{"[^"]+"\}\}|\[\("[^"]+"\)\])')
    edge = re.compile(r"  n\d+ (---|-->|-\. past decisions \.->) n\d+")
    assert first == "flowchart LR"
    assert all(node.fullmatch(line) or edge.fullmatch(line) for line in lines), lines
    assert {"-. past decisions .->", "-->", "---"} == {found[1] for line in lines if (found := edge.fullmatch(line))}


def test_a_picture_is_svg_of_its_own_and_boxes_do_not_overlap(project: TemporaryProject) -> None:
    for arguments in ((), ("fed",)):
        shown(project, *arguments, "--output", "graph.svg")
        root = ElementTree.fromstring((project.root / "graph.svg").read_text("utf-8"))
        ns = "{http://www.w3.org/2000/svg}"
        boxes = [(int(box.get("x", -1)), int(box.get("y", -1))) for box in root.iter(f"{ns}rect") if box.get("rx")]
        assert len(boxes) == len(set(boxes)) > 4
        names = {"".join(text.itertext()) for text in root.iter(f"{ns}text")}
        assert {"chances", "reviews", "embedding"} <= names


def test_one_use_cases_steps_name_what_stands_for_models_and_history(project: TemporaryProject) -> None:
    found = json.loads(shown(project, "fed", "--format", "json"))
    needs = {(one["source"], one["target"]) for one in found["edges"]}
    assert {("embedding", "chances"), ("photo_review", "reviews"), ("past decisions", "reviews")} <= needs
    assert shown(project, "fed").startswith("flowchart LR\n")


def test_unknown_names_are_told_and_nothing_is_written(project: TemporaryProject) -> None:
    for arguments, said in (
        (("foto_review",), "did you mean 'photo_review'"),
        (("--stage", "nowhere"), "known: local"),
        (("--output", "no/such/folder.svg"), "cannot be written"),
    ):
        done = project.artemis("graph", *arguments)
        assert done.returncode == 2 and said in done.stderr, done.stderr


def test_the_service_lists_what_tasks_ask_and_who_answers(project: TemporaryProject) -> None:
    (entry,) = [step for step in project.entry("fed")["steps"] if step["name"] == "chances"]
    assert entry["asks"] == ["embedding", "predict/?", "predict/churn"]
    assert "asks" not in next(step for step in project.entry("fed")["steps"] if step["name"] == "decide")
