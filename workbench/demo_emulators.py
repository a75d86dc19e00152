"""The demo on emulated clouds: the same photos through each provider, and whether the same is decided.

Who answers is a line of a stage file, so this is the staging stage three times, each time with another provider in that
line: a copy of the built project, whose manifest has the three stages, and three services of it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from rich.console import Console
from rich.table import Table
from rich.text import Text

from workbench import trial
from workbench.demo import COLORS, PHOTOS, USE_CASE
from workbench.demo_client import decided, starting, where
from workbench.emulators import emulating
from workbench.project import Project
from workbench.trial import configured

PROVIDERS = ("local", "rekognition", "google_vision")
CAPABILITIES = ("moderation", "faces", "text")
ATTEMPTS = 3
KEPT = ("use_cases", "photos", "deadline")  # of the staging stage; the rest is about providers

Decided = dict[tuple[str, str], dict[str, Any]]


def demo(project: Project, seconds: int) -> int:
    """Run it; returns the exit code: 1 when providers come to different decisions. Raises NoEmulators."""
    console = Console(highlight=False)
    with emulating(project) as emulators, tempfile.TemporaryDirectory() as folder:
        copy, key = Path(folder) / "project", secrets.token_urlsafe(24)
        copy_runtime(project, copy)
        environment = emulators.environment(os.environ) | {"ARTEMIS_API_KEYS": configured(key)}
        for line in emulators.about:
            console.print(line, style="dim")
        decisions = _decide_all(project, copy, environment, key, seconds)
    if decisions is None:
        console.print("[red]a service did not start; see above[/]")
        return 1
    console.print(_table(decisions))
    differing = differences(decisions)
    for photo in differing:
        console.print(f"[red]{photo}: not the same decision by every provider, or a degraded one[/]")
    if not differing:
        console.print("All decide the same: which provider answers is a line of the stage file.")
    return 1 if differing else 0


def copy_runtime(project: Project, copy: Path) -> None:
    """The built project without its notebooks, with a stage for each provider."""
    (copy / "usecases").mkdir(parents=True)
    shutil.copy(project.root / "app.py", copy)
    shutil.copytree(project.root / "chalicelib", copy / "chalicelib")  # with its bytecode, which stays valid
    path = copy / "chalicelib" / "usecases" / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    base = manifest["stages"].get("staging") or {}
    manifest["stages"] |= {stage(provider): _content(base, provider) for provider in PROVIDERS}
    path.write_text(json.dumps(manifest), "utf-8")


def stage(provider: str) -> str:
    """The name of the stage on which a provider answers."""
    return f"demo_{provider}"


def differences(decisions: Decided) -> list[str]:
    """The photos on which not all decided the same, or one was not decided, or not by all that should."""
    return [
        photo
        for photo, _ in PHOTOS
        if len({_said(decisions[photo, provider]) for provider in PROVIDERS}) > 1
        or any(_is_disturbed(decisions[photo, provider]) for provider in PROVIDERS)
    ]


def _content(base: Mapping[str, Any], provider: str) -> dict[str, Any]:
    providers = {**(base.get("providers") or {}), **dict.fromkeys(CAPABILITIES, provider)}
    content = {key: base[key] for key in KEPT if key in base}
    return content | {"providers": providers, "photos": {"buckets": [trial.BUCKET]}}


def _decide_all(project: Project, copy: Path, environment: dict[str, str], key: str, seconds: int) -> Decided | None:
    """(photo, provider) -> the stored decision with its trace; None when a service does not start."""
    with ExitStack() as stack:
        services = {}
        for provider in PROVIDERS:
            own = environment | {"ARTEMIS_STAGE": stage(provider)}
            services[provider] = stack.enter_context(starting(copy, copy / f"{provider}.db", own))
        urls = {provider: where(service, seconds) for provider, service in services.items()}
        if None in urls.values():
            return None

        def decide(provider: str, photo: str) -> dict[str, Any]:
            request = {"user_id": "u-1042", "photo": trial.stored(photo)}
            return _undisturbed(partial(decided, str(urls[provider]), USE_CASE, request, key))

        for provider in PROVIDERS:  # unseen: loading a model and the first connection are no measure of a provider
            decide(provider, PHOTOS[0][0])
        return {(photo, provider): decide(provider, photo) for photo, _ in PHOTOS for provider in PROVIDERS}


def _undisturbed(decide: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A decision; made again, twice at most, where a busy machine was too slow for all of it."""
    for _ in range(ATTEMPTS):
        try:
            stored = decide()
        except HTTPError as error:
            stored = {"decision": {"outcome": f"HTTP {error.code}", "reasons": []}, "degraded": [], "trace": None}
        if not _is_disturbed(stored):
            break
    return stored


def _is_disturbed(stored: Mapping[str, Any]) -> bool:
    return bool(stored["degraded"]) or stored["trace"] is None


def _said(stored: Mapping[str, Any]) -> str:
    decision = stored["decision"]
    return f"{decision['outcome']} {sorted(decision['reasons'])}"


def _table(decisions: Decided) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for header in ("photo", "provider", "outcome", "reasons", "degraded"):
        table.add_column(header, no_wrap=header != "reasons")
    table.add_column("ms", justify="right", no_wrap=True)
    for photo, _ in PHOTOS:
        for provider in PROVIDERS:
            stored = decisions[photo, provider]
            outcome = stored["decision"]["outcome"]
            table.add_row(
                photo if provider == PROVIDERS[0] else "",
                provider,
                Text(outcome, f"bold {COLORS.get(outcome, 'red')}"),
                ", ".join(stored["decision"]["reasons"]) or "no objection",
                ", ".join(f"{one['task']}: {one['error']}" for one in stored["degraded"]),
                f"{stored['trace']['duration_ms']:.0f}" if stored["trace"] else "",
            )
    return table
