"""Projects to measure in, each in a temporary folder: nothing is written where the sources are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import notebooks

MakeCells = Callable[[int], notebooks.Cells]
ROOT = Path(__file__).parent.parent
REQUEST = {"user_id": "u-1042", "city": "Seoul", "age": 31, "score": 0.72, "tags": ["new", "web"]}
DROPPED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONPROFILEIMPORTTIME")
NBDEV_PROJECT = """\
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "peer"
version = "0.1"
dynamic = []
[tool.nbdev]
lib_path = "peer"
nbs_path = "nbs"
"""


class NotMeasured(Exception):
    """A process that was to be measured failed; the message is what it said."""


@contextmanager
def folder() -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    with TemporaryDirectory(prefix="artemis-bench-") as name:
        yield Path(name).resolve()


def environment(project: Path, **extra: str) -> dict[str, str]:
    """A child's environment: ours without what would change the measurement, and byte code is kept."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in DROPPED and not name.startswith(("ARTEMIS_", "AWS_", "PYDANTIC_"))
    }
    return kept | {"PYTHONPATH": str(project), "NO_COLOR": "1"} | extra


def run(project: Path, *command: str | Path, **extra: str) -> str:
    """What a command prints. Raises NotMeasured when it fails."""
    done = subprocess.run(
        [str(part) for part in command], cwd=project, env=environment(project, **extra), capture_output=True, text=True
    )
    if done.returncode:
        raise NotMeasured(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def script(name: str) -> Path:
    """A console script of this environment."""
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise NotMeasured(f"{name} is not installed here: use `make bench`, or install the extra bench")
    return path


def artemis(project: Path, count: int, cells: MakeCells = notebooks.use_case) -> Path:
    """A project of ours with ``count`` notebooks, unbuilt: copies of the sources, no use case of theirs."""
    ignored = shutil.ignore_patterns("__pycache__", "usecases")
    for package in ("chalicelib", "workbench"):
        shutil.copytree(ROOT / package, project / package, ignore=ignored)
    shutil.copy(ROOT / "app.py", project)
    (project / "chalicelib" / "usecases").mkdir()
    (project / "usecases" / "stages").mkdir(parents=True)
    (project / "usecases" / "stages" / "local.yaml").write_text("providers: {}\n")
    for number in range(count):
        name = "bench" if count == 1 else f"uc_{number:03d}"
        notebooks.write_ours(project / "usecases" / f"{name}.ipynb", cells(number))
    return project


def nbdev(project: Path, count: int, cells: MakeCells = notebooks.use_case) -> Path:
    """A project of nbdev with the same notebooks, marked its way. It wants a git repository."""
    (project / "nbs").mkdir(parents=True)
    (project / "pyproject.toml").write_text(NBDEV_PROJECT)
    for number in range(count):
        notebooks.write_nbdev(project / "nbs" / f"uc_{number:03d}.ipynb", cells(number))
    run(project, "git", "init", "--quiet", ".")
    return project


def sides(base: Path) -> tuple[Side, Side]:
    """Both services, built, each answering the same event and with its schema already there."""
    ours = artemis(base / "ours", 1)
    run(ours, script("artemis"), "build")
    theirs = base / "theirs"
    shutil.copytree(ROOT / "benchmarks" / "peer", theirs, ignore=shutil.ignore_patterns("__pycache__"))
    (theirs / "app.py").rename(theirs / "peer.py")
    return (
        Side(ours, "app", "app", {"ARTEMIS_DATABASE_URL": f"sqlite:///{ours}/bench.db"}, "bench"),
        Side(theirs, "peer", "handler", {"PEER_DATABASE_URL": f"sqlite:///{theirs}/bench.db"}, "bench"),
    )


class Side:
    """One service that answers events, in processes of its own."""

    def __init__(self, project: Path, module: str, attribute: str, extra: dict[str, str], path_name: str) -> None:
        self.project, self.module, self.attribute, self.extra = project, module, attribute, extra
        shutil.copy(ROOT / "benchmarks" / "child.py", project)
        self.event = project / f"event-{path_name}.json"
        self.event.write_text(json.dumps(event(path_name)))

    def at(self, path_name: str) -> Side:
        """The same service, asked at another path."""
        return Side(self.project, self.module, self.attribute, self.extra, path_name)

    def on(self, url: str) -> Side:
        """The same service with another database."""
        (name,) = self.extra
        return Side(self.project, self.module, self.attribute, {name: url}, "bench")

    def warm_up(self) -> None:
        """Create the schema, and leave byte code behind."""
        for _ in range(2):
            run(self.project, *self.command("cold"), PEER_CREATE="1", **self.extra)

    def command(self, mode: str) -> list[str]:
        return [sys.executable, "child.py", mode, self.module, self.attribute, str(self.event)]

    def environment(self) -> dict[str, str]:
        return environment(self.project, **self.extra)


def event(name: str) -> dict[str, Any]:
    """An API Gateway REST (v1) event that asks the use case ``name`` for a decision."""
    path = f"/v1/use-cases/{name}/decisions"
    headers = {"Accept": "*/*", "Content-Type": "application/json", "Host": "api.example.com", "User-Agent": "bench"}
    resource = "/v1/use-cases/{name}/decisions"
    return {
        "resource": resource,
        "path": path,
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {key: [value] for key, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"name": name},
        "stageVariables": None,
        "requestContext": {
            "resourceId": "abc123",
            "resourcePath": resource,
            "httpMethod": "POST",
            "path": path,
            "accountId": "000000000000",
            "protocol": "HTTP/1.1",
            "stage": "api",
            "requestId": "00000000-0000-0000-0000-000000000000",
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "bench"},
            "apiId": "bench",
        },
        "body": json.dumps(REQUEST),
        "isBase64Encoded": False,
    }
