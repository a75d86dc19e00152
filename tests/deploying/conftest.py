"""A project of its own that is deployed to an emulated AWS account, with a real database."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from deployed_project import KEY, change_stage, change_variables, commit, git
from small import Next, small

from tests.databases import TEMPLATE, at
from tests.emulators.cloud import Cloud
from workbench.project import Project
from workbench.shipping.package import Packed, package

ROOT = Path(__file__).parent.parent.parent


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
