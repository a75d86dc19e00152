"""Frozen contracts as files: ``chalicelib/usecases/frozen/<name>_v<contract>.py`` and its manifest entry beside it.

The entry (``.json``) is what the module was frozen with: its schemas, its cells, and under ``overrides`` each
stage's parameters of that day. Stage files that came later do not reach a frozen contract, so they cannot
break it. The build copies the entries into the manifest and leaves the files alone.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from workbench.files import digest_of
from workbench.problems import Problem
from workbench.project import Project

FILE = re.compile(r"([a-z][a-z0-9_]*)_v([1-9][0-9]*)")
RESTORE = "restore it from version control, or drop it: artemis contract unfreeze {name} --contract {contract}"

Entries = dict[str, dict[str, Any]]  # name -> contract as text -> entry


def folder(project: Project) -> Path:
    return project.generated / "frozen"


def module_of(project: Project, name: str, contract: int) -> Path:
    return folder(project) / f"{name}_v{contract}.py"


def entry_of(project: Project, name: str, contract: int) -> Path:
    return folder(project) / f"{name}_v{contract}.json"


def read(project: Project, last: Entries) -> tuple[Entries, list[Problem]]:
    """Every frozen contract. One that is damaged is a problem, and stays as the ``last`` manifest has it."""
    found: Entries = {}
    problems = []
    for path in sorted(folder(project).glob("*_v*.json")):
        named = FILE.fullmatch(path.stem)
        if named is None:
            continue
        name, contract = named.groups()
        entry, fault = _entry(path)
        if fault:
            hint = RESTORE.format(name=name, contract=contract)
            problems.append(Problem(project.relative(path), 0, 0, 0, "frozen-module", fault, hint))
            entry = last.get(name, {}).get(contract)
        if entry is not None:
            found.setdefault(name, {})[contract] = entry
    return found, problems


def _entry(path: Path) -> tuple[dict[str, Any] | None, str]:
    """A frozen contract's entry, or what is wrong with its files."""
    try:
        entry = json.loads(path.read_bytes())
    except (OSError, ValueError):
        entry = None
    if not isinstance(entry, dict) or not isinstance(entry.get("module"), str):
        return None, "this frozen contract's entry cannot be read"
    module = path.with_suffix(".py")
    found = digest_of(module)
    if found is None:
        return None, f"its module {module.name} is missing"
    if found != entry["module"]:
        return None, f"its module {module.name} was edited after it was frozen"
    return entry, ""
