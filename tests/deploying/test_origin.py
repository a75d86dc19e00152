"""Who deploys what: from git, and from GitHub's variables."""

from __future__ import annotations

from pathlib import Path

import pytest
from deployed_project import commit, git

from workbench.deploying.origin import origin

GITHUB = {
    "GITHUB_ACTOR": "haneul",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "example/dating",
    "GITHUB_RUN_ID": "7",
}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "-q", "-b", "main")
    (tmp_path / "file").write_text("one", "utf-8")
    return tmp_path


@pytest.mark.parametrize("subject", ["Merge pull request #41 from example/photos", "사진 심사: 기준을 올린다 (#41)"])
def test_a_workflow_names_its_run_and_the_pull_request_that_was_merged(repository: Path, subject: str) -> None:
    commit(subject)

    found = origin(repository, GITHUB)

    assert (found.who, found.subject, found.is_changed) == ("haneul", subject, False)
    assert found.pull_request == "https://github.com/example/dating/pull/41"
    assert found.run == "https://github.com/example/dating/actions/runs/7"
    assert found.revision == found.commit and len(found.commit) == 40


def test_on_a_laptop_git_says_who_and_whether_there_is_more_than_the_commit(repository: Path) -> None:
    commit("one (#41)")
    (repository / "file").write_text("two", "utf-8")

    found = origin(repository, {})

    assert (found.who, found.pull_request, found.run) == ("김하늘", "#41", None)
    assert found.revision == f"{found.commit}+changes"


def test_without_git_it_says_what_it_is_told(tmp_path: Path) -> None:
    found = origin(tmp_path, {"ARTEMIS_REVISION": "v1.2"})

    assert (found.commit, found.subject, found.is_changed) == ("v1.2", "", False)
    assert found.who
