"""A project of its own that is deployed to an emulated AWS account, with a real database."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from small import Next, small

from tests.databases import TEMPLATE, at
from tests.emulators.cloud import Cloud
from workbench.cli import main
from workbench.deploying.record import Record, read
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
def database(postgres_template: str) -> Iterator[str]:
    """The URL of a migrated, empty database: always the same, for it stands in the package's template."""
    with psycopg.connect(postgres_template, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE deployed TEMPLATE {TEMPLATE}")
    yield at(postgres_template, "deployed")
    with psycopg.connect(postgres_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE deployed WITH (FORCE)")


@pytest.fixture
def project(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A copy in git, whose staging stage has a database here and asks nobody but AWS. It is the current folder."""
    root = tmp_path / "project"
    ignored = shutil.ignore_patterns("__pycache__", "data", "samples", "training", "recordings")
    for name in ("usecases", "chalicelib", ".chalice", "contracts"):
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in ("app.py", "requirements.txt", ".gitignore"):
        shutil.copy(ROOT / name, root)
    (root / ".artemis").mkdir()
    (root / ".artemis" / "environments").symlink_to(ROOT / ".artemis" / "environments")
    monkeypatch.chdir(root)
    change_variables({"ARTEMIS_DATABASE_URL": database, "ARTEMIS_DATABASE_AUTH": None})
    change_stage("text: [google_vision, rekognition]", "text: rekognition")
    monkeypatch.setattr("workbench.deploying.target.PATIENCE", 1.0)
    monkeypatch.delenv("ARTEMIS_DATABASE_URL", raising=False)
    git("init", "-q", "-b", "main")
    commit("사진 심사를 처음으로 (#41)")
    return Project(root)


def change_stage(old: str, new: str) -> None:
    """Changes the stage's file, and builds."""
    path = Path("usecases/stages/staging.yaml")
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    for command in ("build", "policy"):
        done = run(command)
        assert done.exit_code == 0, done.output


def change_variables(variables: dict[str, str | None]) -> None:
    """Sets variables of the staging stage; None takes one away."""
    path = Path(".chalice/config.json")
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


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def deploy(*options: str) -> Result:
    return run("deploy", "--stage", "staging", "--yes", *options)


def deployed(*options: str) -> Result:
    """A deployment that succeeds."""
    done = deploy(*options)
    assert done.exit_code == 0, done.output
    return done


def record() -> Record:
    return read(Path(".artemis/deployments/staging.json"))


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


@pytest.fixture
def next_package(tmp_path: Path, packaged_once: None, monkeypatch: pytest.MonkeyPatch) -> Next:
    """Deployments get a small package: the first one, until another is said."""

    def set_next(**about: Any) -> None:
        made = small(tmp_path / f"package-{about}", **about)
        monkeypatch.setattr("workbench.deploying.plan.package", lambda _project, _stage: made)

    set_next()
    return set_next
