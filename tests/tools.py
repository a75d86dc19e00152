"""Checkers in an environment of their own, made on first use, and packages of a stage. Fixtures of every test."""

from __future__ import annotations

import fcntl
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.project import Project
from workbench.shipping.environments import environment
from workbench.shipping.errors import CannotShip
from workbench.shipping.interpreters import interpreter
from workbench.shipping.package import Packed, package

ROOT = Path(__file__).parent.parent
RUNTIME = "3.13"


def tool(name: str) -> Path:
    """The path of a checker that tests/tools.txt pins."""
    lines = (Path(__file__).parent / "tools.txt").read_text("utf-8").splitlines()
    return (
        environment(ROOT, Path(sys.executable), [line for line in lines if line[:1] not in "#"], "tools") / "bin" / name
    )


@pytest.fixture(scope="session")
def needs_runtime() -> None:
    """Skips where there is no interpreter of the runtime, and says so."""
    try:
        interpreter(RUNTIME)
    except CannotShip as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def packed(needs_runtime: None, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    """The staging stage, packaged: once for all workers, since it takes half a minute."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with open(shared / "package.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = shared / "packed.pickle"
        if not kept.exists():
            kept.write_bytes(pickle.dumps(package(Project(ROOT), "staging", shared / "package")))
    made: Packed = pickle.loads(kept.read_bytes())
    return made


@pytest.fixture(scope="session")
def unzipped(packed: Packed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That package's files, as Lambda lays them out."""
    folder = tmp_path_factory.mktemp("lambda") / "task"
    zipfile.ZipFile(packed.archive).extractall(folder)
    return folder


@pytest.fixture
def tools() -> Callable[[str], Path]:
    return tool
