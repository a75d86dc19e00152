"""What code runs in: Python, the packages that are installed, the revision it was made of.

A version that decided can be run again in the same runtime; in another, whoever reads the result should know.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from chalicelib.facts import canonical
from chalicelib.usecase import UseCase

DIST_INFO = re.compile(r"(.+?)-([^-]+)\.dist-info")


@dataclass(frozen=True, slots=True)
class Runtime:
    """``packages``: name -> version of what is installed; ``digest``: 16 hex digits of both."""

    python: str
    packages: dict[str, str]
    digest: str


@cache
def runtime() -> Runtime:
    """This process's. Names and versions are read from folders' names: opening the files takes 20 times as long."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    found: dict[str, str] = {}
    for folder in reversed(sys.path):  # the first on the path is the one that is imported
        found |= dict(_packages(Path(folder)))
    packages = dict(sorted(found.items()))
    digest = hashlib.sha256(f"{python}\0{canonical(packages)}".encode()).hexdigest()[:16]
    return Runtime(python, packages, digest)


def _packages(folder: Path) -> list[tuple[str, str]]:
    try:
        names = os.listdir(folder)
    except OSError:  # a zip, or nothing
        return []
    matches = [DIST_INFO.fullmatch(name) for name in names if name.endswith(".dist-info")]
    return [(found[1].lower().replace("_", "-"), found[2]) for found in matches if found]


@cache
def revision() -> str | None:
    """The git revision that this code was made of: ``ARTEMIS_REVISION``, or that of the checkout; None: unknown."""
    told = os.environ.get("ARTEMIS_REVISION")
    if told:
        return told[:100]
    try:
        git = Path(__file__).resolve().parent.parent / ".git"
        head = (git / "HEAD").read_text("utf-8").strip()
        if not head.startswith("ref: "):
            return head[:100]
        return _resolve(git, head.removeprefix("ref: "))
    except OSError:
        return None


def _resolve(git: Path, ref: str) -> str | None:
    loose = git / ref
    if loose.is_file():
        return loose.read_text("utf-8").strip()[:100]
    packed = (git / "packed-refs").read_text("utf-8").splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {ref}")), None)


def version_row(usecase: UseCase, contract: int) -> dict[str, Any]:
    """The row of ``use_case_versions``: what it takes to run this version again."""
    here, source = runtime(), usecase.source
    return {
        "use_case": usecase.name,
        "version": usecase.version,
        "runtime": here.digest,
        "contract": contract,
        "module": usecase.code.decode(),
        "parameters": canonical(usecase.parameters),
        "notebook": source.notebook,
        "source": canonical({"cells": source.cells, "tasks": source.tasks}),
        "revision": revision(),
        "python": here.python,
        "packages": canonical(here.packages),
        "first_seen_at": datetime.now(UTC),
    }
