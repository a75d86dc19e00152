"""The demo: the real service in a process of its own, three photos over HTTP, and why it decided so."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
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
        service = _start(project, Path(folder))
        timer = Timer(seconds, service.kill)  # a service that never says where it is
        timer.start()
        try:
            url = _url(service)
            if url is None:
                console.print("[red]the service did not start; see above[/]")
                return 1
            console.print(f"The service answers at [bold]{url}[/], on SQLite and local models.\n")
            for photo, about in PHOTOS:
                _decide(console, url, photo, about)
        finally:
            timer.cancel()
            service.terminate()
            service.wait(timeout=30)
    console.print("`make serve` leaves it running; its documentation is at /docs.")
    return 0


def _start(project: Project, folder: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "ARTEMIS_STAGE": "local",
        "ARTEMIS_DATABASE_URL": f"sqlite:///{folder / 'demo.db'}",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("ARTEMIS_API_KEYS", None)
    command = [sys.executable, "-m", "workbench", "serve", "--port", "0"]
    return subprocess.Popen(command, cwd=project.root, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603


def _url(service: subprocess.Popen[str]) -> str | None:
    assert service.stdout is not None
    for line in service.stdout:
        if found := re.search(r"answers at (http://\S+)", line):
            return found[1]
    return None


def _decide(console: Console, url: str, photo: str, about: str) -> None:
    request = {"user_id": "u-1042", "photo": {"sample": photo}}
    made = _call(f"{url}/v1/use-cases/{USE_CASE}/decisions", request)
    stored = _call(f"{url}/v1/decisions/{made['id']}?include=trace")
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


def _call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return dict(json.load(answer))
