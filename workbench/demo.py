"""The demo: the real service in a process of its own, three photos and the rankings over HTTP, and why so."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from chalicelib.manifest import Manifest, snake
from workbench.demo_client import decided, starting, where
from workbench.demo_rankings import rank
from workbench.project import Project

PHOTOS = [
    ("portrait.jpg", "a portrait"),
    ("landscape.jpg", "a landscape, nobody in it"),
    ("contact.jpg", "a portrait with a phone number and a messenger ID drawn on it"),
]
COLORS = {"approve": "green", "review": "yellow", "reject": "red"}
USE_CASE = "profile-photo-review"
CHANGE = {"side_min": 600}  # pixels of the shorter side
RANKINGS = ("match_recommendation", "content_recommendation")


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
            _replay(console, project, f"sqlite:///{folder}/demo.db")
            manifest = Manifest.read(project.generated)
            for name in RANKINGS:
                rank(console, url, manifest, name)
    console.print("`make serve` leaves it running; its documentation is at /docs.")
    return 0


def _decide(console: Console, url: str, photo: str, about: str) -> None:
    request = {"user_id": "u-1042", "photo": {"sample": photo}}
    stored = decided(url, USE_CASE, request)
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


def _replay(console: Console, project: Project, url: str) -> None:
    """What another threshold would have decided on the same photos: by their facts, no model is asked."""
    from datetime import UTC, datetime, timedelta

    from workbench.replaying import tell
    from workbench.replaying.run import Asked, Replay

    now = datetime.now(UTC)
    asked = Asked(snake(USE_CASE), now - timedelta(days=1), now, settings=CHANGE)
    report = Replay(project, url, asked).report()
    said = " ".join(f"--set {name}={value}" for name, value in CHANGE.items())
    console.print(f"[bold]artemis replay {USE_CASE} {said}[/]: {tell.headline(report)}")
    for (before, after), count in report.flips.items():
        console.print(f"  {before} → {after}: {count}")
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
