"""What is kept of a version: its sources without outputs, its metrics while they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.deploying.changes import changes
from workbench.deploying.kept import Kept, metrics_of, packed, sources_of
from workbench.diff.revision import State
from workbench.project import Project

ROOT = Path(__file__).parent.parent.parent


def kept(**changes: Any) -> Kept:
    about: dict[str, Any] = {
        "version": "1",
        "before": None,
        "commit": "abc",
        "revision": "abc",
        "digest": "00",
        "template": "t",
        "sources": "s",
        "store_schema": 5,
        "versions": {"photo": "v1"},
        "parameters": {},
        "metrics": {"photo": {"recall": 0.9}},
    }
    return Kept.model_validate({**about, **changes})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "usecases").mkdir()
    return Project(tmp_path)


def validated(project: Project, version: str, recall: float) -> None:
    folder = project.root / "reports" / "production"
    folder.mkdir(parents=True)
    content = {"version": version, "metrics": {"recall": recall}}
    (folder / "photo.metrics.json").write_text(json.dumps(content), "utf-8")


def test_sources_are_the_same_bytes_whatever_notebooks_put_out() -> None:
    state = sources_of(Project(ROOT), "staging")
    name, data = next(iter(state.notebooks.items()))
    notebook = json.loads(data)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "member-4711"}]
    other = State(state.label, {**state.notebooks, name: json.dumps(notebook).encode()}, state.stages)

    assert packed(state) == packed(other)
    assert list(state.stages) == ["staging"]


def test_metrics_are_those_of_this_very_version(project: Project) -> None:
    validated(project, "v2", 0.95)

    assert metrics_of(project, "production", {"photo": "v2"}, kept()) == ({"photo": {"recall": 0.95}}, [])
    assert metrics_of(project, "production", {"photo": "v3"}, kept()) == ({}, ["photo"])


def test_what_is_known_of_a_version_that_did_not_change_still_holds(project: Project) -> None:
    assert metrics_of(project, "production", {"photo": "v1"}, kept()) == ({"photo": {"recall": 0.9}}, [])


def test_changes_are_of_what_both_have() -> None:
    nothing = State("nothing")
    before = {"photo": {"limit": 1, "gone": 2}, "old": {"x": 1}}
    after = {"photo": {"limit": 3, "new": 4}, "fresh": {"y": 1}}

    found = changes(nothing, nothing, (before, after), ({"photo": {"recall": 0.9}}, {}))

    assert [(one.use_case, one.name, one.before, one.after) for one in found.parameters] == [
        ("photo", "limit", 1, 3),
        ("photo", "new", None, 4),
        ("photo", "gone", 2, None),
    ]
    assert found.metrics == []


def test_what_a_later_version_keeps_besides_is_no_trouble() -> None:
    content = {**json.loads(kept().model_dump_json()), "something": 1}

    assert Kept.model_validate(content).version == "1"
