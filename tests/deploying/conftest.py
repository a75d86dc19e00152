"""A project of its own that is deployed to an emulated AWS account, with a real database."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.emulators.cloud import Cloud
from workbench.cli import main
from workbench.project import Project
from workbench.shipping.package import Packed, package

ROOT = Path(__file__).parent.parent.parent
KEY = "the-key-of-the-smoke-test"


@pytest.fixture
def cloud(needs_runtime: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """An empty account, whose credentials are in the environment."""
    with Cloud(ROOT) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        keys = {"smoke": {"sha256": hashlib.sha256(KEY.encode()).hexdigest(), "use_cases": ["*"]}}
        running.secrets["/artemis/staging/api-keys"] = json.dumps(keys)
        yield running


@pytest.fixture
def project(tmp_path: Path, new_postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy in git, whose staging stage has a database here. It is the current folder."""
    root = tmp_path / "project"
    ignored = shutil.ignore_patterns("__pycache__", "data", "samples", "training", "recordings")
    for name in ("usecases", "chalicelib", ".chalice", "contracts"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in ("app.py", "requirements.txt", ".gitignore"):
        shutil.copy(ROOT / name, root)
    (root / ".artemis").mkdir()
    (root / ".artemis" / "environments").symlink_to(ROOT / ".artemis" / "environments")
    change_variables(root, {"ARTEMIS_DATABASE_URL": new_postgres(), "ARTEMIS_DATABASE_AUTH": None})
    monkeypatch.chdir(root)
    monkeypatch.setattr("workbench.deploying.target.PATIENCE", 1.0)
    monkeypatch.delenv("ARTEMIS_DATABASE_URL", raising=False)
    done = run("policy")
    assert done.exit_code == 0, done.output
    git("init", "-q", "-b", "main")
    commit("사진 심사를 처음으로 (#41)")
    return Project(root)


def change_variables(root: Path, variables: dict[str, str | None]) -> None:
    """Sets variables of the staging stage; None takes one away."""
    path = root / ".chalice" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    own = config["stages"]["staging"]["environment_variables"]
    for name, value in variables.items():
        own.pop(name, None) if value is None else own.update({name: value})
    path.write_text(json.dumps(config, indent=2), "utf-8")


def git(*arguments: str) -> None:
    who = ["-c", "user.name=김하늘", "-c", "user.email=sky@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], check=True, capture_output=True)


def commit(subject: str) -> None:
    git("add", "--all")
    git("commit", "-q", "-m", subject)
    git("config", "user.name", "김하늘")


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=text)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")


@pytest.fixture(autouse=True)
def packaged_once(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same input gives the same package, which takes half a minute: here it is made once."""

    def once(project: Project, stage: str) -> Packed:
        files = [*project.root.glob("chalicelib/usecases/*"), *project.root.glob(".chalice/*.json")]
        content = hashlib.sha256(b"\0".join(path.read_bytes() for path in sorted(files) if path.is_file())).hexdigest()
        folder = packages / content[:16]
        if content not in _PACKED:
            _PACKED[content] = package(project, stage, folder)
        return _PACKED[content]

    monkeypatch.setattr("workbench.deploying.plan.package", once)


_PACKED: dict[str, Any] = {}
