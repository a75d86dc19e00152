"""The staging stage's package as it runs on Lambda: on emulated clouds, its database a file."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from event_table import KEY

from chalicelib.settings import endpoints
from tests.lambdas import RuntimeApi, running
from workbench.emulators import emulating
from workbench.project import Project

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the service is configured with."""
    keys = {"backend": {"sha256": hashlib.sha256(KEY.encode()).hexdigest(), "use_cases": ["*"]}}
    with emulating(Project(ROOT)) as clouds:
        own = {
            "ARTEMIS_STAGE": "staging",
            "ARTEMIS_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('store') / 'artemis.db'}",
            "ARTEMIS_API_KEYS": json.dumps(keys),
            "ARTEMIS_ENDPOINTS": json.dumps(endpoints(clouds.variables)),
        }
        yield {**clouds.environment({}), **own}


@pytest.fixture(scope="module")
def api(unzipped: Path, variables: dict[str, str]) -> Iterator[RuntimeApi]:
    """The package under awslambdaric."""
    with running(ROOT, unzipped, "3.13", variables) as started:
        yield started


@pytest.fixture
def copied(tmp_path: Path) -> Project:
    """The project's copy, of what packaging reads."""
    for name in ("usecases", "chalicelib", ".chalice"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "data", "samples"))
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return Project(tmp_path)
