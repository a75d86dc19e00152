"""Who deploys what, and from where: as git and, in a workflow, GitHub Actions say it."""

from __future__ import annotations

import getpass
import re
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PULL_REQUEST = re.compile(r"\(#(\d+)\)$|^Merge pull request #(\d+)")
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Origin:
    """``commit``: whole; ``is_changed``: the working tree has more than it; ``run``: the workflow's page."""

    who: str
    commit: str
    subject: str = ""
    is_changed: bool = False
    pull_request: str | None = None
    run: str | None = None

    def as_record(self) -> dict[str, Any]:
        """Its part of a record."""
        said = asdict(self)
        del said["is_changed"]
        return said

    @property
    def revision(self) -> str:
        """As the service stores it with each version of a use case."""
        return f"{self.commit}+changes" if self.is_changed else self.commit


def origin(root: Path, variables: Mapping[str, str]) -> Origin:
    """Of a project. ``variables``: the environment's."""
    commit = _git(root, "rev-parse", "HEAD") or variables.get("ARTEMIS_REVISION") or UNKNOWN
    subject = _git(root, "log", "-1", "--format=%s")
    who = variables.get("GITHUB_ACTOR") or _git(root, "config", "user.name") or _user()
    place = "/".join(variables.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
    place, number = place if "://" in place else "", variables.get("GITHUB_RUN_ID")
    return Origin(
        who,
        commit,
        subject,
        bool(_git(root, "status", "--porcelain")),
        _pull_request(subject, place),
        f"{place}/actions/runs/{number}" if place and number else None,
    )


def _pull_request(subject: str, place: str) -> str | None:
    """GitHub names it in the subject of what it merges."""
    found = PULL_REQUEST.search(subject)
    if found is None:
        return None
    number = found[1] or found[2]
    return f"{place}/pull/{number}" if place else f"#{number}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return UNKNOWN


def _git(root: Path, *arguments: str) -> str:
    """What git says; nothing where there is no git, or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, encoding="utf-8")  # noqa: S603, S607
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
