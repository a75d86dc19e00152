"""``artemis build --watch`` and ``artemis serve --watch``: real processes, real saves, a real answer that changes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from shutil import copy, copytree, ignore_patterns
from threading import Thread
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
EDITED = "faces_max: int = 7  # at most this many faces"


class Process:
    """A running ``artemis`` whose lines are waited for."""

    def __init__(self, root: Path, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "workbench", *arguments]
        settings = {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONUNBUFFERED": "1", **environment}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ARTEMIS_")}
        self.running = subprocess.Popen(
            command, cwd=root, env={**kept, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._lines: Queue[str] = Queue()
        self.seen: list[str] = []
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.running.stdout
        for line in self.running.stdout:
            self._lines.put(line.rstrip("\n"))

    def line(self, pattern: str, seconds: float = 20) -> str:
        """The next line that matches; fails when none comes in time."""
        end = time.monotonic() + seconds
        while True:
            try:
                self.seen.append(self._lines.get(timeout=max(end - time.monotonic(), 0.001)))
            except Empty:
                raise AssertionError(f"no line {pattern!r} within {seconds} s: {self.seen}") from None
            if re.search(pattern, self.seen[-1]):
                return self.seen[-1]

    def lines_within(self, seconds: float) -> list[str]:
        time.sleep(seconds)
        return [self._lines.get() for _ in range(self._lines.qsize())]


@contextmanager
def running(root: Path, *arguments: str, **environment: str) -> Iterator[Process]:
    process = Process(root, *arguments, **environment)
    try:
        yield process
    finally:
        process.running.kill()
        process.running.wait(10)


@pytest.fixture
def watched(project: Any, sound: Any) -> Iterator[tuple[Any, Process]]:
    project.notebook("first", sound())
    project.notebook("second", sound())
    with running(project.root, "build", "--watch") as process:
        process.line("watching usecases/")
        yield project, process


def save_as_jupyter_does(project: Any, name: str, cells: Any) -> None:
    """A copy beside the file, the file written anew, a checkpoint, the copy removed."""
    path = project.notebooks / f"{name}.ipynb"
    copy_beside = project.notebooks / f".~{name}.ipynb"
    copy(path, copy_beside)
    project.notebook(name, cells)
    checkpoint = project.file(f"usecases/.ipynb_checkpoints/{name}-checkpoint.ipynb", path.read_bytes())
    assert checkpoint.exists()
    copy_beside.unlink()


def test_a_save_is_built_within_a_second_once_and_quickly(watched: Any, sound: Any) -> None:
    project, process = watched
    began = time.monotonic()
    save_as_jupyter_does(project, "first", sound(parameters=EDITED))
    line = process.line("first: built")
    assert time.monotonic() - began < 2  # a second, and as much for a machine that is busy
    assert int(re.search(r"\((\d+) ms\)", line)[1]) < 1000  # type: ignore[index]
    assert re.match(r"\d\d:\d\d:\d\d  first: built ", line)
    assert "faces_max: int = 7" in project.module("first").read_text("utf-8")
    assert process.lines_within(1.2) == []


def test_a_broken_notebook_leaves_its_module_and_others_are_built(watched: Any, sound: Any) -> None:
    project, process = watched
    before = project.module("first").read_bytes()
    project.notebook("first", sound(decide="def decide(:"))
    process.line("error syntax")
    process.line("first: not built")
    project.notebook("second", sound(parameters=EDITED))
    process.line("second: built")
    assert project.module("first").read_bytes() == before
    project.notebook("first", sound(parameters=EDITED))
    process.line("first: built")


def test_new_and_deleted_notebooks_and_stage_files_are_followed(watched: Any, sound: Any) -> None:
    project, process = watched
    project.notebook("third", sound())
    process.line("third: built")
    project.stage("local", "use_cases: {third: {parameters: {faces_max: 3}}}")
    process.line("stage local: built")
    os.replace(project.stage("draft", "use_cases: {}"), project.stages / "local.yaml")
    process.line("stage local: built")
    (project.notebooks / "third.ipynb").unlink()
    process.line("third: removed")
    assert not project.module("third").exists()


def test_a_notebook_that_is_written_in_parts_raises_no_alarm(watched: Any, sound: Any) -> None:
    project, process = watched
    path = project.notebook("first", sound(parameters=EDITED))
    whole = path.read_bytes()
    process.line("first: built")
    whole = whole.replace(b"= 7", b"= 8")
    path.write_bytes(whole[: len(whole) // 2])
    time.sleep(0.25)
    path.write_bytes(whole)
    process.line("first: built")
    assert not any("error" in line for line in process.seen)


@pytest.mark.parametrize("ending", ["import os\n\nos._exit(0)", "import os\n\nos.abort()"])
def test_exported_code_that_ends_its_process_does_not_end_the_watching(ending: str, watched: Any, sound: Any) -> None:
    project, process = watched
    project.notebook("first", sound.exporting(ending))
    project.notebook("first", sound.exporting(ending))
    time.sleep(1)
    assert process.running.poll() is None
    project.notebook("first", sound(parameters=EDITED))
    process.line("first: built")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_it_cleanly(number: int, watched: Any) -> None:
    _, process = watched
    process.running.send_signal(number)
    assert process.running.wait(5) == 0
    assert process.lines_within(0.2) == []


def test_watching_goes_with_neither_check_nor_json(project: Any) -> None:
    assert project.artemis("build", "--watch", "--check").returncode == 2
    assert project.artemis("build", "--watch", "--format", "json").returncode == 2


MODELS = """\
from typing import Literal

from pydantic import BaseModel


class Request(BaseModel):
    amount: float


class Decision(BaseModel):
    outcome: Literal["pay", "review"]"""


def use_case(cell: Callable[..., Any], outcome: str) -> list[Any]:
    return [
        cell(MODELS, "export", name="models"),
        cell("limit: float = 1.0  # above: review", "parameters", name="parameters"),
        cell(
            f"def decide(amount) -> Decision:\n    return Decision(outcome={outcome!r} if amount > limit else 'pay')",
            "export",
            name="decide",
        ),
    ]


def outcome_of(url: str) -> Any:
    request = urllib.request.Request(
        f"{url}/v1/use-cases/refund/decisions",
        json.dumps({"amount": 5.0}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.loads(reply.read())["decision"]["outcome"]


def test_a_service_that_watches_answers_by_what_was_just_saved(project: Any, cell: Any) -> None:
    """And what watches ends with the service, even when that is killed."""
    copy(ROOT / "app.py", project.root)
    copytree(ROOT / "chalicelib", project.root / "chalicelib", ignore=ignore_patterns("usecases", "__pycache__"))
    project.stage("local", "")
    project.notebook("refund", use_case(cell, "pay"))
    with running(project.root, "serve", "--watch", "--port", "0", PYTHONPATH=f"{project.root}:{ROOT}") as process:
        process.line("refund: built")
        url = re.search(r"http://\S+", process.line("answers at"))[0]  # type: ignore[index]
        assert outcome_of(url) == "pay"
        saved = time.monotonic()
        project.notebook("refund", use_case(cell, "review"))
        while outcome_of(url) != "review":
            assert time.monotonic() - saved < 4
            time.sleep(0.05)
    project.notebook("refund", use_case(cell, "pay"))
    time.sleep(2)
    assert "'review' if" in project.module("refund").read_text("utf-8")


def test_only_the_local_stage_is_served_while_watching(project: Any) -> None:
    done = project.artemis("serve", "--watch", "--stage", "production")
    assert done.returncode == 2
    assert "production" in done.stderr
