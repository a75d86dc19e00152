"""What changed for the business between git revisions: told from real repositories, without a kernel."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from workbench.diff.compare import Change, Difference, compare
from workbench.diff.report import as_markdown
from workbench.diff.revision import NoRevision, at_revision, working_tree

PRODUCTION = "providers: {faces: local}\nuse_cases:\n  photo_review:\n    parameters: {faces_max: 3}\n"


def git(root: Path, *arguments: str) -> str:
    identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    names = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", *arguments],
        cwd=root,
        env={**os.environ, **identity, **names},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "state")


@pytest.fixture
def kept(project: Any, sound: Any) -> Any:
    """A project with the sound notebook and a production stage, committed."""
    project.notebook("photo_review", sound())
    project.stage("local", "providers: {faces: local}\n")
    project.stage("production", PRODUCTION)
    git(project.root, "init", "-q", "-b", "main")
    commit(project.root)
    return project


def since(project: Any, revision: str = "HEAD") -> Difference:
    return compare(at_revision(project, revision), working_tree(project))


def changes(project: Any) -> list[Change]:
    """The changes of the only use case that changed."""
    (each,) = since(project).use_cases
    return each.changes


@pytest.fixture
def artemis(kept: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``artemis diff …`` in this process."""
    from workbench.cli import main

    monkeypatch.chdir(kept.root)
    return lambda *arguments: CliRunner().invoke(main, ["diff", *arguments])


def test_nothing_changed(kept: Any, artemis: Callable[..., Result]) -> None:
    assert not since(kept)
    for form in ("text", "markdown"):
        done = artemis("--format", form, "--exit-code")
        assert (done.exit_code, "no change in what is decided" in done.output) == (0, True)
    assert json.loads(artemis("--format", "json").output)["use_cases"] == []


def test_outputs_prose_comments_and_docstrings_are_no_change(kept: Any, sound: Any, cell: Any) -> None:
    cells = sound(
        cell("print('scratch')", name="scratch"),
        decide=sound.source("decide").replace("Whether there are too many faces.", "Other words.") + "\n# a comment\n",
        tasks=sound.source("tasks").replace("Every face", "Each face"),
    )
    cells[1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["seen"]}]
    cells[1]["execution_count"] = 7
    kept.notebook("photo_review", cells)
    assert not since(kept)


def test_a_parameter_and_what_stages_make_of_it(kept: Any, sound: Any) -> None:
    kept.notebook("photo_review", sound(parameters="faces_max: int = 2  # more faces than this: review"))
    assert changes(kept) == [
        Change("parameter", "faces_max", "changed", 1, 2, "used by crowded"),
        Change("parameter", "faces_max", "stays on production", 3, 3, "set by its stage file"),
    ]


def test_a_stages_own_value(kept: Any) -> None:
    kept.stage("production", PRODUCTION.replace("faces_max: 3", "faces_max: 4"))
    assert changes(kept) == [Change("parameter", "faces_max", "changed on production", 3, 4, "stage file")]
    kept.stage("production", "providers: {faces: local}\n")
    assert changes(kept) == [Change("parameter", "faces_max", "changed on production", 3, 1, "stage file")]


def test_bounds_and_meaning_of_a_parameter(kept: Any, sound: Any) -> None:
    kept.notebook("photo_review", sound(parameters="faces_max: float = 1  # in all"))
    found = [(change.what, change.old, change.new) for change in changes(kept) if "stays" not in change.what]
    assert found == [
        ("bounds changed", "int", "float"),
        ("description changed", "more faces than this: review", "in all"),
    ]


def test_parameters_added_and_removed(kept: Any, sound: Any) -> None:
    decide = sound.source("decide").replace("faces_max", "most")
    kept.stage("production", "providers: {faces: local}\n")
    commit(kept.root)
    kept.notebook("photo_review", sound(parameters="most: int = 1  # faces", decide=decide))
    assert changes(kept)[:2] == [
        Change("parameter", "most", "added", None, 1, "faces; used by crowded"),
        Change("parameter", "faces_max", "removed", 1, None, "more faces than this: review; used by crowded"),
    ]


def test_a_steps_logic_and_the_helper_it_changed_through(kept: Any, sound: Any) -> None:
    helped = sound.source("decide").replace("len(faces) > faces_max", "count(faces) > faces_max")
    kept.notebook("photo_review", sound(decide="def count(faces):\n    return len(faces)\n\n\n" + helped))
    assert changes(kept) == [Change("step", "crowded", "logic changed", None, None, "its own code; through count")]
    commit(kept.root)
    kept.notebook("photo_review", sound(decide="def count(faces):\n    return len(set(faces))\n\n\n" + helped))
    assert changes(kept) == [Change("step", "crowded", "logic changed", None, None, "through count")]


def test_steps_added_and_removed(kept: Any, sound: Any) -> None:
    decide = sound.source("decide").replace("crowded", "busy")
    kept.notebook("photo_review", sound(decide=decide))
    found = {(change.kind, change.name, change.what) for change in changes(kept) if change.kind == "step"}
    assert found == {("step", "busy", "added"), ("step", "crowded", "removed"), ("step", "decide", "logic changed")}


def test_a_task_that_needs_new_calls_and_one_that_does_not(kept: Any, sound: Any) -> None:
    tasks = sound.source("tasks")
    kept.notebook("photo_review", sound(tasks=tasks.replace("timeout=5", "timeout=9, fallback=[]")))
    assert changes(kept) == [
        Change("task", "faces", "timeout changed", "5", "9"),
        Change("task", "faces", "fallback changed", "none", "[]"),
    ]
    kept.notebook("photo_review", sound(tasks=tasks.replace("models.faces(photo)", "models.faces(photo)[:9]")))
    (change,) = changes(kept)
    assert (change.name, change.what, change.detail[:30]) == ("faces", "changed", "its own code; needs new calls:")


def test_a_task_whose_parameter_changed_needs_new_calls(kept: Any, sound: Any) -> None:
    tasks = sound.source("tasks").replace("models.faces(photo)", "models.faces(photo)[:faces_max]")
    kept.notebook("photo_review", sound(tasks=tasks))
    commit(kept.root)
    kept.stage("production", PRODUCTION.replace("faces_max: 3", "faces_max: 4"))
    assert [change.what for change in changes(kept)] == ["changed on production", "parameters changed"]


def test_the_contract_in_words(kept: Any, sound: Any) -> None:
    models = sound.source("models").replace('"approve", "review"', '"approve", "review", "reject"')
    kept.notebook("photo_review", sound(models=models))
    (change,) = changes(kept)
    assert (change.kind, change.name) == ("contract", "Decision")
    assert '"reject"' in change.what
    assert "| `outcome` may be" in as_markdown(since(kept))


def test_a_title(kept: Any, sound: Any) -> None:
    kept.notebook("photo_review", sound(title="# Photo check\n\nMay this photo go live?"))
    assert changes(kept) == [Change("title", "title", "changed", "Photo review", "Photo check")]


def test_a_raised_contract(kept: Any) -> None:
    path = kept.notebooks / "photo_review.ipynb"
    content = json.loads(path.read_bytes())
    content["metadata"]["artemis"] = {"contract": 2}
    path.write_text(json.dumps(content), "utf-8")
    assert changes(kept) == [Change("contract", "version", "changed: 1 → 2")]


def test_use_cases_added_removed_and_renamed(kept: Any, sound: Any) -> None:
    kept.notebook("other", sound(title="# Other"))
    (each,) = since(kept).use_cases
    assert (each.name, each.status, each.title) == ("other", "added", "Other")
    assert ("task", "faces") in [(change.kind, change.name) for change in each.changes]
    (kept.notebooks / "other.ipynb").unlink()
    (kept.notebooks / "photo_review.ipynb").rename(kept.notebooks / "profile_review.ipynb")
    (each,) = since(kept).use_cases
    assert (each.name, each.status, each.was) == ("profile_review", "renamed", "photo_review")
    (kept.notebooks / "profile_review.ipynb").unlink()
    (each,) = since(kept).use_cases
    assert (each.name, each.status) == ("photo_review", "removed")


def test_providers_and_other_settings_of_a_stage(kept: Any) -> None:
    kept.stage("production", PRODUCTION.replace("{faces: local}", "{faces: rekognition, text: local}\ndeadline: 20"))
    kept.stage("staging", "deadline: 3\n")
    assert since(kept).stages == {
        "production": [
            Change("stage", "deadline", "added", None, 20),
            Change("provider", "faces", "changed", "local", "rekognition"),
            Change("provider", "text", "added", None, "local"),
        ],
        "staging": [Change("stage", "stage file", "added")],
    }


def test_an_old_notebook_that_does_not_parse_is_compared_as_far_as_possible(kept: Any, sound: Any) -> None:
    kept.notebook("photo_review", sound(tasks="@task(\n"))
    commit(kept.root)
    kept.notebook("photo_review", sound(parameters="faces_max: int = 2  # more faces than this: review"))
    found = changes(kept)
    assert Change("parameter", "faces_max", "changed", 1, 2, "used by crowded") in found
    assert Change("task", "faces", "added") in found
    assert any("at HEAD cell 4 does not parse" in change.what for change in found if change.kind == "note")


def test_an_old_contract_that_does_not_load_does_not_keep_the_rest(kept: Any, sound: Any) -> None:
    kept.notebook("photo_review", sound(models=sound.source("models") + "\nraise SystemExit('gone')\n"))
    kept.notebook("other", sound())
    commit(kept.root)
    models = sound.source("models").replace('"approve", "review"', '"approve", "review", "reject"')
    kept.notebook("photo_review", sound(models=models, parameters="faces_max: int = 2  # more"))
    kept.notebook("other", sound(models=models))
    other, review = since(kept).use_cases
    assert [change.kind for change in other.changes] == ["contract"]
    assert "parameter" in [change.kind for change in review.changes]
    assert any("at HEAD it does not load: the code raises SystemExit: gone" in change.what for change in review.changes)


def test_a_notebook_that_cannot_be_read_is_said(kept: Any) -> None:
    kept.file("usecases/photo_review.ipynb", "<<<<<<< ours")
    (change,) = changes(kept)
    assert change.kind == "note"
    assert "at working tree it cannot be read" in change.what


def test_two_revisions(kept: Any, sound: Any, artemis: Callable[..., Result]) -> None:
    kept.notebook("photo_review", sound(parameters="faces_max: int = 2  # more faces than this: review"))
    commit(kept.root)
    assert not since(kept)
    for arguments in (["HEAD~1", "HEAD"], ["HEAD~1..HEAD"], ["HEAD~1"]):
        done = artemis(*arguments, "--exit-code")
        assert done.exit_code == 1
        assert "faces_max  changed: 1 → 2 (used by crowded)" in done.output
    assert artemis("HEAD~1").exit_code == 0
    assert artemis("a", "b", "c").exit_code == 2


def test_json_holds_every_change(kept: Any, sound: Any, artemis: Callable[..., Result]) -> None:
    kept.notebook("photo_review", sound(parameters="faces_max: int = 2  # more faces than this: review"))
    found = json.loads(artemis("--format", "json").output)
    assert (found["old"], found["new"]) == ("HEAD", "working tree")
    assert found["use_cases"][0]["changes"][0] == {
        "kind": "parameter",
        "name": "faces_max",
        "what": "changed",
        "old": 1,
        "new": 2,
        "detail": "used by crowded",
    }


def test_markdown_escapes_what_notebooks_hold(kept: Any, sound: Any) -> None:
    kept.notebook("photo_review", sound(title="# <b>A|B</b> [x](y)", parameters="faces_max: int = 1  # `a` | *b*"))
    text = as_markdown(since(kept))
    assert r"\<b\>A\|B\</b\> \[x\](y)" in text
    row = next(line for line in text.split("\n") if "description changed" in line)
    assert row.count("|") - row.count(r"\|") == 4
    assert r"\`a\` \| \*b\*" in row


def test_a_project_in_a_folder_of_a_repository(project: Any, sound: Any) -> None:
    project.notebook("photo_review", sound())
    git(project.root.parent, "init", "-q", "-b", "main")
    commit(project.root.parent)
    assert not since(project)
    project.notebook("photo_review", sound(parameters="faces_max: int = 2"))
    assert changes(project)


def test_what_cannot_be_compared_is_said(
    project: Any, sound: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    project.notebook("photo_review", sound())
    with pytest.raises(NoRevision, match="in no git repository"):
        at_revision(project, "HEAD")
    git(project.root, "init", "-q", "-b", "main")
    with pytest.raises(NoRevision, match="no commit yet"):
        at_revision(project, "HEAD")
    commit(project.root)
    with pytest.raises(NoRevision, match="no revision 'v1'"):
        at_revision(project, "v1")
    with pytest.raises(NoRevision, match="no revision '--help'"):
        at_revision(project, "--help")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoRevision, match="git is not installed"):
        at_revision(project, "HEAD")


def test_a_shallow_clone_says_how_to_get_the_rest(kept: Any, sound: Any, tmp_path: Path) -> None:
    kept.notebook("photo_review", sound(parameters="faces_max: int = 2"))
    commit(kept.root)
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{kept.root}", "shallow")
    with pytest.raises(NoRevision, match="fetch-depth: 0"):
        at_revision(type(kept)(tmp_path / "shallow"), "HEAD~1")


def test_an_unknown_revision_exits_with_2(artemis: Callable[..., Result]) -> None:
    done = artemis("nowhere")
    assert done.exit_code == 2
    assert "there is no revision 'nowhere'" in done.output


def test_ten_changed_notebooks_are_compared_in_well_under_a_second(kept: Any, sound: Any) -> None:
    for number in range(10):
        kept.notebook(f"review_{number}", sound())
    commit(kept.root)
    models = sound.source("models").replace('"approve", "review"', '"approve", "review", "reject"')
    for number in range(10):
        kept.notebook(f"review_{number}", sound(models=models))
    began = time.process_time()
    assert len(since(kept).use_cases) == 10
    assert time.process_time() - began < 1


def test_challengers_of_a_stage(kept: Any) -> None:
    challenged = PRODUCTION.replace("parameters:", "challengers: {crowds: {faces_max: 5}}\n    parameters:")
    assert challenged != PRODUCTION
    kept.stage("production", challenged)
    found = since(kept)
    name = "use_cases.photo_review.challengers.crowds"
    assert found.stages == {"production": [Change("stage", name, "added", None, {"faces_max": 5})]}
    assert found.use_cases == []
