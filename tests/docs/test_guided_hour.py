"""The guided hour of docs/authoring.md, command by command, as its reader runs it: a real kernel, service and git."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("chalicelib", "workbench", "serving", "contracts", "app.py", "requirements.txt", ".chalice")
NAME = "message_check"


def commands() -> list[str]:
    """Each command of the guided hour's shell blocks, continued lines joined."""
    page = (ROOT / "docs/authoring.md").read_text("utf-8")
    hour = page[page.index("## A guided hour") : page.index("## What the exported cells hold")]
    blocks = re.findall(r"^```sh\n(.*?)^```", hour, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def project(folder: Path) -> Path:
    """A clone of this one without its use cases, whose models take long to load."""
    folder.mkdir()
    built = [path.name for path in (ROOT / "chalicelib" / "usecases").glob("*.py") if path.name != "__init__.py"]
    skipped = shutil.ignore_patterns("__pycache__", "manifest.json", *built)
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, ignore=skipped)
        else:
            shutil.copy(ROOT / part, folder / part)
    (folder / "usecases" / "stages").mkdir(parents=True)
    (folder / "usecases" / "stages" / "local.yaml").write_text("providers: {}\n")
    (folder / ".gitignore").write_text("__pycache__/\n.artemis/\nreports/\n")
    for command in ("init -q", "add -A", "-c user.name=a -c user.email=a@b.example commit -qm start"):
        subprocess.run(["git", *command.split()], cwd=folder, check=True)
    return folder


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARTEMIS_")}
    return {**kept, "PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1", "COLUMNS": "150"}


def artemis(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workbench", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120, check=False
    )


@contextmanager
def served(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "workbench", "serve", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield re.findall(r"answers at (http://\S+)", process.stdout.readline())[0]
    finally:
        process.terminate()
        process.wait(timeout=30)


def ask(folder: Path, curl: str) -> str:
    """Post what a curl command would, to a service on a port of its own; gives the decision's id."""
    words = shlex.split(curl)
    address = next(word for word in words if word.startswith("http://127.0.0.1:8000"))
    body = words[words.index("-d") + 1].encode()
    with served(folder) as url:
        request = urllib.request.Request(
            address.replace("http://127.0.0.1:8000", url), body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            decided = json.load(answer)
    assert decided["decision"]["outcome"] == "review"
    return str(decided["id"])


def test_every_command_of_the_guided_hour_does_what_its_reader_expects(tmp_path: Path) -> None:
    folder, decision, ran = project(tmp_path / "clone"), "", []
    for command in commands():
        if command.startswith("curl"):
            decision = ask(folder, command)
            continue
        program, verb, *rest = shlex.split(command)
        assert program == "artemis"
        ran.append(verb)
        if verb in ("lab", "serve"):  # they go on until Ctrl-C; `serve` is asked where curl stands
            assert artemis(folder, verb, "--help").returncode == 0
            continue
        done = artemis(folder, verb, *[word.replace("DECISION_ID", decision) for word in rest])
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert ran == ["new", "lab", "check", "build", "serve", "validate", "case", "test", "replay", "diff", "contract"]
    assert (folder / "reports" / "local" / f"{NAME}.html").exists()
    assert "rude_reject" in artemis(folder, "diff").stdout


def test_the_first_replay_shows_what_another_threshold_would_have_decided(tmp_path: Path) -> None:
    """The hour's last promise: a case that comes out otherwise is shown, and fails."""
    folder = project(tmp_path / "clone")
    artemis(folder, "new", NAME)
    artemis(folder, "build")
    decision = ask(folder, next(command for command in commands() if command.startswith("curl")))
    assert artemis(folder, "case", "add", decision).returncode == 0
    notebook = folder / "usecases" / f"{NAME}.ipynb"
    notebook.write_text(
        notebook.read_text("utf-8").replace("= 0.10  # share of rude", "= 0.30  # share of rude"), "utf-8"
    )
    assert artemis(folder, "build").returncode == 0
    done = artemis(folder, "test", NAME, "--tier", "cases")
    assert done.returncode == 1
    assert "review" in done.stdout
    assert "approve" in done.stdout
