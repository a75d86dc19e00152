"""``artemis setup-git`` in real repositories: what is committed is clean, diffs and merges are nbdime's, hooks run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench import setup_git
from workbench.clean import clean
from workbench.git import NoRepository, staged

ROOT = Path(__file__).parents[2]
NOTEBOOK = "usecases/first.ipynb"


class Repository:
    """A project in a git repository of its own, untouched by anybody's settings."""

    def __init__(self, project: Any, home: Path) -> None:
        self.project, self.root = project, project.root
        home.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self.environment = {
            **kept,
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "PYTHONPATH": str(ROOT),
            "PRE_COMMIT_HOME": str(home / "pre-commit"),
            "PATH": "/usr/bin:/bin:/usr/local/bin",
            "http_proxy": "http://127.0.0.1:9",
            "https_proxy": "http://127.0.0.1:9",
        }
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "A")
        self.git("config", "user.email", "a@example.org")

    def run(self, *command: str, code: int | None = 0) -> str:
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def git(self, *arguments: str, code: int | None = 0) -> str:
        return self.run("git", *arguments, code=code)

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    @property
    def config(self) -> str:
        return (self.root / ".git/config").read_text("utf-8")


@pytest.fixture
def repository(project: Any, sound: Any, tmp_path: Path) -> Repository:
    """The sound notebook, committed clean, and git set up."""
    path = project.notebook("first", sound())
    path.write_bytes(clean("first.ipynb", path.read_bytes()))
    project.file(".gitignore", ".artemis/\n")
    made = Repository(project, tmp_path / "home")
    made.before = made.config  # type: ignore[attr-defined]
    setup_git.set_up(project)
    made.commit("first")
    return made


def edit(repository: Repository, old: str, new: str, **noise: Any) -> bytes:
    """Edit the notebook as an editor would, which leaves its noise; gives its bytes."""
    path = repository.root / NOTEBOOK
    content = json.loads(path.read_text("utf-8").replace(old, new))
    content["metadata"]["language_info"] = {"name": "python", "version": "3.12.9"}
    content["cells"][1]["metadata"] |= {"scrolled": True, "tags": ["export"]}
    path.write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    return path.read_bytes()


def test_what_is_committed_is_clean_and_the_file_stays_as_it_was_saved(repository: Repository) -> None:
    saved = edit(repository, "this: review", "사람: review")
    repository.commit("second")
    blob = repository.git("show", f"HEAD:{NOTEBOOK}")
    assert blob.encode() == clean("first.ipynb", saved)
    assert "사람: review" in blob
    assert (repository.root / NOTEBOOK).read_bytes() == saved
    assert repository.git("status", "--short") == ""


def test_a_diff_is_nbdimes_and_without_noise(repository: Repository) -> None:
    edit(repository, "faces_max: int = 1", "faces_max: int = 2")
    shown = repository.git("-c", "color.ui=never", "diff")
    assert "nbdiff" in shown
    assert "modified /cells/2/source" in shown
    assert "scrolled" not in shown
    assert "3.12.9" not in shown


def test_a_notebook_in_conflict_can_be_compared_and_added(repository: Repository) -> None:
    (repository.root / NOTEBOOK).write_text("<<<<<<< ours\n", "utf-8")
    assert "+<<<<<<< ours" in repository.git("diff")
    assert "usecases/first.ipynb is taken as it is" in repository.git("add", NOTEBOOK)
    assert staged(repository.root / NOTEBOOK) == b"<<<<<<< ours\n"


def test_edits_of_different_cells_merge(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "other")
    edit(repository, "faces_max: int = 1", "faces_max: int = 2")
    repository.commit("a parameter")
    repository.git("checkout", "-q", "main")
    edit(repository, "Review a crowd", "Review crowds")
    repository.commit("a docstring")
    repository.git("merge", "-q", "-m", "merge", "other")
    merged = (repository.root / NOTEBOOK).read_text("utf-8")
    assert "faces_max: int = 2" in merged
    assert "Review crowds" in merged
    assert repository.project.build().problems == []


def test_after_a_merge_a_build_mends_what_was_generated(repository: Repository) -> None:
    """Without --force: in modules and a manifest full of conflicts there is nothing that anybody wrote."""
    repository.project.build()
    repository.commit("built")
    repository.git("checkout", "-q", "-b", "other")
    edit(repository, "faces_max: int = 1", "faces_max: int = 2")
    repository.project.build()
    repository.commit("a parameter")
    repository.git("checkout", "-q", "main")
    edit(repository, "Review a crowd", "Review crowds")
    repository.project.build()
    repository.commit("a docstring")
    repository.git("merge", "other", code=1)
    unmerged = repository.git("diff", "--name-only", "--diff-filter=U").split()
    assert unmerged == ["chalicelib/usecases/manifest.json"]
    assert repository.project.build().problems == []
    module = repository.project.module("first").read_text("utf-8")
    assert "faces_max: int = 2" in module
    assert "Review crowds" in module
    assert repository.project.check().changes == {}


def test_neighbouring_lines_changed_on_both_sides_are_a_conflict(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "other")
    edit(repository, "faces_max: int = 1", "faces_max: int = 2")
    repository.commit("two")
    repository.git("checkout", "-q", "main")
    edit(repository, "faces_max: int = 1", "faces_max: int = 3")
    repository.commit("three")
    repository.git("merge", "other", code=1)
    assert NOTEBOOK in repository.git("diff", "--name-only", "--diff-filter=U")


def test_set_up_twice_changes_nothing_and_undone_leaves_nothing(repository: Repository) -> None:
    config = repository.config
    lines = setup_git.set_up(repository.project)
    assert repository.config == config
    assert not any(line.startswith(("set", "added", "installed")) for line in lines), lines
    lines = setup_git.undo(repository.project)
    assert repository.config == repository.before  # type: ignore[attr-defined]
    assert (repository.root / ".gitattributes").exists()
    assert any("left: .gitattributes" in line for line in lines)


def test_attributes_that_were_there_stay_and_uncommitted_ones_are_taken_back(project: Any, tmp_path: Path) -> None:
    Repository(project, tmp_path / "home")
    path = project.file(".gitattributes", "*.png binary")
    setup_git.set_up(project)
    assert path.read_text("utf-8").startswith("*.png binary\n# what git does")
    setup_git.undo(project)
    assert path.read_text("utf-8") == "*.png binary\n"
    path.unlink()
    setup_git.set_up(project)
    setup_git.undo(project)
    assert not path.exists()


def test_this_repositorys_attributes_are_those_that_are_set_up() -> None:
    lines = (ROOT / ".gitattributes").read_text("utf-8").splitlines()
    assert set(setup_git.ATTRIBUTES) <= set(lines)


def test_without_its_virtual_environment_git_works_as_ever(repository: Repository) -> None:
    programs = str(Path(sys.executable).parent)
    config = repository.root / ".git/config"
    config.write_text(repository.config.replace(programs, "/nowhere/bin"), "utf-8")
    saved = edit(repository, "faces_max: int = 1", "faces_max: int = 2")
    assert "faces_max: int = 2" in repository.git("diff")
    assert "artemis is not at /nowhere/bin/artemis" in repository.git("add", NOTEBOOK)
    assert staged(repository.root / NOTEBOOK) == saved


def test_a_folder_outside_of_git_is_refused(project: Any, tmp_path: Path) -> None:
    with pytest.raises(NoRepository, match="git init"):
        setup_git.set_up(project)
    done = project.artemis("setup-git")
    assert done.returncode == 2
    assert "is in no git repository" in done.stderr


@pytest.fixture
def hooked(project: Any, sound: Any, tmp_path: Path) -> Repository:
    """This repository's own hooks, set up in a built project; no filter, so that hooks have something to find."""
    path = project.notebook("first", sound())
    path.write_bytes(clean("first.ipynb", path.read_bytes()))
    project.file(".pre-commit-config.yaml", (ROOT / ".pre-commit-config.yaml").read_bytes())
    project.file(".gitignore", ".venv\n.artemis/\n__pycache__/\n")
    (project.root / ".venv").symlink_to(Path(sys.prefix))
    assert project.build().problems == []
    made = Repository(project, tmp_path / "home")
    lines = setup_git.set_up(project)
    assert "installed: the pre-commit hook in .git/hooks" in lines
    assert "already there: the pre-commit hook in .git/hooks" in setup_git.set_up(project)
    made.git("config", "--unset", "filter.artemis.clean")
    return made


def test_the_hooks_pass_what_is_fine_and_stop_what_is_not(hooked: Repository, sound: Any) -> None:
    """Without any network: hooks that would be fetched could not run."""
    hooked.commit("sound")
    assert hooked.run(sys.executable, "-m", "pre_commit", "run", "--all-files").count("Passed") == 3
    edit(hooked, "faces_max: int = 1", "faces_max: int = 2")
    hooked.git("add", "-A")
    said = hooked.git("commit", "-q", "-m", "not clean, not built", code=1)
    assert "usecases/first.ipynb: would be cleaned" in said
    assert "first: stale" in said
    hooked.run(str(Path(sys.executable).parent / "artemis"), "clean")
    hooked.run(str(Path(sys.executable).parent / "artemis"), "build")
    hooked.commit("clean and built")
    lines = setup_git.undo(hooked.project)
    assert "removed: the pre-commit hook in .git/hooks" in lines
    assert not (hooked.root / ".git/hooks/pre-commit").exists()
