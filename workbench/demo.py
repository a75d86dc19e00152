"""The demo: the real service in a process of its own, three photos over HTTP, and why it decided so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from workbench.project import Project

PHOTOS = [
    ("portrait.jpg", "a portrait"),
    ("landscape.jpg", "a landscape, nobody in it"),
    ("contact.jpg", "a portrait with a phone number and a messenger ID drawn on it"),
]
COLORS = {"approve": "green", "review": "yellow", "reject": "red"}
USE_CASE = "profile-photo-review"


def demo(project: Project, seconds: int) -> int:
    """Run it; returns the exit code."""
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ARTEMIS_STAGE": "local"}
        environment.pop("ARTEMIS_API_KEYS", None)
        with starting(project.root, Path(folder) / "demo.db", environment) as service:
            url = where(service, seconds)
            if url is None:
                console.print("[red]the service did not start; see above[/]")
                return 1
            console.print(f"The service answers at [bold]{url}[/], on SQLite and local models.\n")
            for photo, about in PHOTOS:
                _decide(console, url, photo, about)
    console.print("`make serve` leaves it running; its documentation is at /docs.")
    return 0


@contextmanager
def starting(root: Path, database: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The service of a project in a process of its own, on a free port; it is stopped at the end."""
    command = [sys.executable, "-m", "workbench", "serve", "--port", "0"]
    own = {**environment, "ARTEMIS_DATABASE_URL": f"sqlite:///{database}", "PYTHONUNBUFFERED": "1"}
    service = subprocess.Popen(command, cwd=root, env=own, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield service
    finally:
        service.terminate()
        service.wait(timeout=30)


def where(service: subprocess.Popen[str], seconds: int) -> str | None:
    """The URL that a starting service says it answers at; None where it ends, or says nothing in that time."""
    assert service.stdout is not None
    timer = Timer(seconds, service.kill)
    timer.start()
    try:
        for line in service.stdout:
            if found := re.search(r"answers at (http://\S+)", line):
                return found[1]
    finally:
        timer.cancel()
    return None


def _decide(console: Console, url: str, photo: str, about: str) -> None:
    request = {"user_id": "u-1042", "photo": {"sample": photo}}
    stored = decided(url, request)
    decision = stored["decision"]
    outcome = decision["outcome"]
    head = Text.assemble(
        (outcome.upper(), f"bold {COLORS[outcome]}"), "  ", ", ".join(decision["reasons"]) or "no objection"
    )
    head.append(
        f"\ndecision {stored['id']}, version {stored['version']}, {stored['trace']['duration_ms']:.0f} ms",
        "dim",
    )
    console.print(Panel(head, title=f"{photo}: {about}", title_align="left"))
    console.print(_steps(stored["trace"]["steps"]))
    console.print()


def _steps(steps: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, expand=True)
    for header, width in (("step", 15), ("kind", 6)):
        table.add_column(header, min_width=width, no_wrap=True)
    table.add_column("result", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("model", min_width=19, no_wrap=True, overflow="ellipsis")
    table.add_column("ms", min_width=6, justify="right", no_wrap=True)
    for step in steps:
        model = ", ".join(f"{call['model']} {call['version']}" for call in step.get("calls", []))
        result = Text(json.dumps(step.get("result"), ensure_ascii=False))
        style = "bold" if step["kind"] == "decide" else ""
        table.add_row(Text(step["step"], style), step["kind"], result, model, f"{step['duration_ms']:.1f}")
    return table


def decided(url: str, request: dict[str, Any], key: str = "") -> dict[str, Any]:
    """The decision on a request, with its trace. Raises urllib.error.HTTPError where there is none."""
    made = _call(f"{url}/v1/use-cases/{USE_CASE}/decisions", key, request)
    return _call(f"{url}/v1/decisions/{made['id']}?include=trace", key)


def _call(url: str, key: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url, data=data, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return dict(json.load(answer))
