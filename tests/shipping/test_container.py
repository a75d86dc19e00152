"""The container's files: linted, and what the image holds serves by the image's own command.

No image is built here: that needs a Docker engine.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")


def copied(target: Path) -> None:
    """What the last stage copies out of the repository."""
    last = DOCKERFILE.rpartition("FROM ")[2]
    for source, place in re.findall(r"^COPY (?!--from)(\S+) (\S+)$", last, re.MULTILINE):
        path = target / place
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, path, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, path)


def command() -> list[str]:
    """The image's own, on a free port."""
    text = DOCKERFILE.rpartition("CMD ")[2].replace("\\\n", "")
    found: list[str] = json.loads(text)
    found[found.index("--port") + 1] = "0"
    found[found.index("--metrics-port") + 1] = "0"
    return [sys.executable, *found[1:]]


@contextmanager
def started(folder: Path, **variables: str) -> Iterator[tuple[str, str]]:
    """The URLs of the service and of its metrics."""
    own = {"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1", **variables}
    process = subprocess.Popen(command(), cwd=folder, env=own, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if "answers at" in line:
                break
        urls = re.findall(r"http://[\d.]+:\d+", said.replace("0.0.0.0", "127.0.0.1"))
        yield urls[1], urls[0]
    finally:
        process.terminate()
        process.wait(10)


def get(url: str) -> str:
    with urllib.request.urlopen(url) as answer:
        text: str = answer.read().decode()
        return text


def test_what_the_image_holds_serves_by_its_own_command(tmp_path: Path) -> None:
    copied(tmp_path)
    with started(tmp_path, ARTEMIS_DATABASE_URL=f"sqlite:///{tmp_path / 'x.db'}") as (url, metrics):
        assert json.loads(get(f"{url}/health"))["status"] == "ok"
        assert json.loads(get(f"{url}/ready"))["status"] == "ok"
        assert "profile_photo_review" in get(f"{url}/v1/use-cases")
        get(f"{metrics}/metrics")


def test_its_database_is_migrated_by_what_it_holds(tmp_path: Path, new_postgres: Callable[[], str]) -> None:
    copied(tmp_path)
    own = {"PATH": "/usr/bin:/bin", "ARTEMIS_DATABASE_URL": new_postgres()}
    for action in ("upgrade", "check"):
        done = subprocess.run(
            [sys.executable, "-m", "workbench", "db", action], cwd=tmp_path, env=own, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr


def test_it_installs_what_the_project_needs_and_no_more() -> None:
    def needed(*extras: str) -> str:
        return subprocess.run(
            [sys.executable, "deploy/needed.py", *extras], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout

    assert "gunicorn>=" in needed() and "onnxruntime" not in needed() and "pytest" not in needed()
    assert "onnxruntime" in needed("local")


def test_it_runs_as_nobody_in_particular_and_is_watched() -> None:
    last = DOCKERFILE.rpartition("FROM ")[2]

    assert re.search(r"^USER 10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "ARTEMIS_API_KEYS" not in DOCKERFILE


def test_the_dockerfile_passes_hadolint(tools: Callable[[str], Path]) -> None:
    done = subprocess.run([tools("hadolint"), ROOT / "deploy" / "Dockerfile"], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_compose_file_fits_its_schema(tools: Callable[[str], Path]) -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [tools("check-jsonschema"), *schema, ROOT / "deploy" / "compose.yaml"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr
