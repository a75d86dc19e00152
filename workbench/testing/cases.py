"""Recorded cases: `usecases/cases/<name>.jsonl`, one JSON object a line.

A case holds a request as it was recorded, the facts that the tasks gave, and what has to be decided.
A line that will not do is reported with file and line; the others are used all the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.files import write
from workbench.lock import locked
from workbench.project import Project

KINDS: dict[str, type] = {
    "id": str,
    "note": str,
    "use_case": str,
    "stage": str,
    "request": dict,
    "now": str,
    "facts": dict,
    "failures": dict,
    "parameters": dict,
    "expected": dict,
}
NEEDED = ("id", "use_case", "request", "now", "facts", "expected")


class BadCase(Exception):
    """A case cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Case:
    """``facts``: task -> its result as JSON data. ``failures``: task -> why its fallback was used.

    ``expected``: the decision's fields that are compared. ``parameters`` override those of ``stage``, whose
    present parameters it is decided under; empty: the stage that is tested.
    """

    id: str
    use_case: str
    request: dict[str, Any]
    now: str
    facts: dict[str, Any]
    expected: dict[str, Any]
    note: str = ""
    stage: str = ""
    failures: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def time(self) -> datetime:
        return datetime.fromisoformat(self.now)

    def line(self) -> str:
        """The case as a line of its file."""
        content = {name: getattr(self, name) for name in KINDS}
        kept = {name: value for name, value in content.items() if value or name in NEEDED}
        return json.dumps(kept, ensure_ascii=False, allow_nan=False) + "\n"


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that is no case."""

    path: str
    line: int
    message: str


def path_of(project: Project, name: str) -> Path:
    return project.notebooks / "cases" / f"{name}.jsonl"


def names(project: Project) -> list[str]:
    """The use cases that have a file of cases."""
    return sorted(path.stem for path in (project.notebooks / "cases").glob("*.jsonl"))


def read(project: Project, name: str) -> tuple[list[Case], list[Bad]]:
    """A use case's cases in the order of their file, and the lines that are none."""
    path = path_of(project, name)
    cases: dict[str, Case] = {}
    bad: list[Bad] = []
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            case = parse(line, name)
            if case.id in cases:
                raise BadCase(f"there is a case {case.id} above: give this one another id, or remove it")
            cases[case.id] = case
        except BadCase as error:
            bad.append(Bad(project.relative(path), number, str(error)))
    return list(cases.values()), bad


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except FileNotFoundError:
        return []


def parse(line: bytes, name: str) -> Case:
    """One line as a case of the use case ``name``. Raises BadCase."""
    try:
        content = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise BadCase(f"the line is not UTF-8 (byte {error.start + 1}): save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise BadCase(f"the line is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise BadCase("the line is JSON, but no object")
    _check(content)
    if content["use_case"] != name:
        raise BadCase(f"the case is of {content['use_case']!r}: move it to {content['use_case']}.jsonl")
    return Case(**content)


def _check(content: dict[str, Any]) -> None:
    if missing := [key for key in NEEDED if key not in content]:
        raise BadCase(f"the case has no {', '.join(missing)}")
    for key, value in content.items():
        if key not in KINDS:
            raise BadCase(f"the case has an unknown key {key!r}; known: {', '.join(KINDS)}")
        if not isinstance(value, KINDS[key]):
            raise BadCase(f"{key} is {json.dumps(value, ensure_ascii=False)}, and has to be a {_kind(KINDS[key])}")
    try:
        aware = datetime.fromisoformat(content["now"]).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise BadCase(f"now is {content['now']!r}, which is no time with a zone such as 2026-01-31T12:00:00+00:00")


def _kind(kind: type) -> str:
    return "text" if kind is str else "JSON object"


def append(project: Project, case: Case) -> Path:
    """Add a case at the end of its file, whole or not at all. Raises BadCase when its id is there already."""
    path = path_of(project, case.use_case)
    with locked(project.root):
        if any(case.id == other.id for other in read(project, case.use_case)[0]):
            raise BadCase(f"{case.id} is a case of {case.use_case} already: `artemis case remove {case.id}` first")
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else b""
        end = b"" if not before or before.endswith(b"\n") else b"\n"
        write(path, before + end + case.line().encode())
    return path


def remove(project: Project, case_id: str) -> Path:
    """Take a case out of its file; the other lines stay as they are. Raises BadCase when there is none."""
    with locked(project.root):
        for name in names(project):
            path = path_of(project, name)
            lines = path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if not _is(line, name, case_id)]
            if len(kept) < len(lines):
                write(path, b"".join(kept)) if any(line.strip() for line in kept) else path.unlink()
                return path
    raise BadCase(f"there is no case {case_id!r}: `artemis case list` shows them")


def _is(line: bytes, name: str, case_id: str) -> bool:
    try:
        return parse(line, name).id == case_id
    except BadCase:
        return False
