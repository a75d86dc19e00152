"""`artemis serve` in a process of its own, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30


@dataclass
class Server:
    """A running server: its ``url``, its process, and the file that its stderr goes to."""

    url: str
    process: subprocess.Popen[str]
    log: Path
    announced: str = ""  # what it said until it answered


def copy_runtime(root: Path) -> None:
    """What serving a project needs beside its own files: the app and the runtime, nothing generated."""
    shutil.copy(ROOT / "app.py", root)
    skipped = shutil.ignore_patterns("__pycache__", "usecases")
    shutil.copytree(ROOT / "chalicelib", root / "chalicelib", ignore=skipped, dirs_exist_ok=True)


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without what configures the service, and with ``changes``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARTEMIS_", "AWS_"))}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **changes}


@contextmanager
def serving(
    project: Path, folder: Path, database: Path, arguments: Sequence[str] = (), **changes: str
) -> Iterator[Server]:
    """The server of a project, logging into ``folder``. It is stopped at the end, whatever hangs in it."""
    command = [sys.executable, "-m", "workbench", "serve", "--port", "0", *arguments]
    settings = {"ARTEMIS_DATABASE_URL": f"sqlite:///{database}", "PYTHONPATH": str(project), **changes}
    log = folder / "server.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            cwd=project,
            env=environment(**settings),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        yield Server(*_url(process.stdout, process, log))
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


def _url(lines: IO[str], process: subprocess.Popen[str], log: Path) -> tuple[str, subprocess.Popen[str], Path, str]:
    said, timer = "", threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        for line in lines:
            said += line
            if found := re.search(r"answers at (http://127\.0\.0\.1:\d+)", line):
                return found[1], process, log, said
    finally:
        timer.cancel()
    raise AssertionError(f"the server did not start: {log.read_text()}")
