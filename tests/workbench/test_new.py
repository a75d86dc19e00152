"""`artemis new` and `artemis lab`: a notebook that runs, checks and serves as it is; and opening it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.workbench.conftest import ROOT, TemporaryProject
from workbench.check import check
from workbench.commands.lab import lab
from workbench.commands.new import new
from workbench.new import NotMade, new_notebook
from workbench.notebook import read


@pytest.fixture
def ready(project: TemporaryProject) -> TemporaryProject:
    """A project with a stage and the packages of Lambda."""
    project.stage("local", "providers: {}\n")
    project.file("requirements.txt", (ROOT / "requirements.txt").read_bytes())
    return project


def test_from_new_to_validated(ready: TemporaryProject) -> None:
    made = ready.artemis("new", "spam-check", "--title", "Is it spam?")
    assert made.returncode == 0 and made.stdout.startswith("usecases/spam_check.ipynb is written")
    assert "POST /v1/use-cases/spam-check/decisions" in made.stdout
    assert check(ready) == []  # not even a warning or an info
    report = ready.build()
    assert report.changes["spam_check"] == "built"
    assert ready.entry("spam_check")["title"] == "Is it spam?"
    done = ready.artemis("validate", "spam-check")
    assert done.returncode == 0, done.stdout
    assert re.search(r"accuracy +1\.0", done.stdout)


def test_a_new_notebook_passes_linters_and_the_regression_test(ready: TemporaryProject) -> None:
    path = new_notebook(ready, "spam_check")
    ready.file("pyproject.toml", (ROOT / "pyproject.toml").read_bytes())
    ready.file("chalicelib/usecase.py", "")  # so that the linter knows it as the project's own
    for command in (["ruff", "check", "usecases"], ["ruff", "format", "--check", "usecases"]):
        done = subprocess.run([sys.executable, "-m", *command], cwd=ready.root, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    nbval = ["pytest", "-q", "-p", "no:cacheprovider", "--nbval", "--nbval-cell-timeout", "60", str(path)]
    done = subprocess.run([sys.executable, "-m", *nbval], cwd=ready.root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "9 passed" in done.stdout, done.stdout


def test_the_template_explains_each_tag_and_every_parameter(ready: TemporaryProject) -> None:
    path = new_notebook(ready, "spam_check")
    notebook = read("usecases/spam_check.ipynb", "spam_check", path.read_bytes())
    text = "\n".join(cell.source for cell in notebook.cells if cell.kind == "markdown")
    tags = {tag for cell in notebook.cells for tag in cell.tags}
    assert tags == {"export", "parameters", "metrics", "nbval-ignore-output"}
    assert all(f"`{tag}`" in text for tag in tags)
    assert "_OF_IT" not in path.read_text("utf-8")
    assert notebook.heading()[0] == "Spam check"
    ready.build()
    assert all(entry["description"] for entry in ready.entry("spam_check")["parameters"].values())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Spam Check", "such as spam_check"),
        ("9lives", "such as lives"),
        ("_x", "a letter first"),
        ("", "a letter first"),
        ("../x", "a letter first"),
        ("한글", "a letter first"),
        ("class", "a word of Python's own"),
        ("frozen", "a folder beside the modules"),
        ("x" * 61, "61 characters; 60 are the most"),
    ],
)
def test_names_that_will_not_do_are_refused(project: TemporaryProject, name: str, said: str) -> None:
    with pytest.raises(NotMade) as caught:
        new_notebook(project, name)
    assert said in str(caught.value)
    assert list(project.notebooks.iterdir()) == []


def test_nothing_is_overwritten_however_the_name_is_spelt(project: TemporaryProject) -> None:
    kept = project.file("usecases/Spam-Check.ipynb", "mine")
    with pytest.raises(NotMade, match=r"usecases/Spam-Check\.ipynb is there already; it was left as it is"):
        new_notebook(project, "spam_check")
    assert kept.read_text() == "mine"
    project.file("chalicelib/usecases/helpers.py", "x = 1")
    with pytest.raises(NotMade, match="no build wrote it"):
        new_notebook(project, "helpers")


def test_a_title_is_one_line(ready: TemporaryProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready.root)
    result = CliRunner().invoke(new, ["spam", "--title", "a\nb"])
    assert result.exit_code == 2 and "one line of text" in result.output


def test_lab_opens_on_the_notebook(ready: TemporaryProject) -> None:
    new_notebook(ready, "spam_check")
    log = ready.root / "log"
    command = [sys.executable, "-m", "workbench", "lab", "spam-check", "--no-browser", "--port", "0", "--"]
    options = ["--allow-root", "--IdentityProvider.token="]
    with log.open("w") as file:
        process = subprocess.Popen([*command, *options], cwd=ready.root, stdout=file, stderr=file)
    try:
        url = _address(log)
        names = [entry["name"] for entry in _contents(url)]
        assert "spam_check.ipynb" in names  # its root is usecases/, where `show` finds the stage files
    finally:
        process.kill()
        process.wait(timeout=20)


def _contents(url: str) -> list[dict[str, Any]]:
    """What the server shows of its folder; it names its address before it listens there."""
    end = time.monotonic() + 40
    while True:
        try:
            with urllib.request.urlopen(f"{url}/api/contents", timeout=20) as reply:
                content: list[dict[str, Any]] = json.load(reply)["content"]
                return content
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def _address(log: Path) -> str:
    """Where the server says that the notebook is, once it says so."""
    end = time.monotonic() + 40
    while time.monotonic() < end:
        if found := re.search(r"(http://localhost:\d+)/lab/tree/spam_check\.ipynb", log.read_text()):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_lab_says_what_is_missing(ready: TemporaryProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ready.root)
    assert "there is no use case 'nope'" in CliRunner().invoke(lab, ["nope"]).output
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = CliRunner().invoke(lab, [])
    assert result.exit_code == 2 and "jupyterlab is not installed" in result.output
