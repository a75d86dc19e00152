"""The sanitize file, read as nbval does; what nbval would pass over in silence is refused."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.project import Project


class CannotTest(Exception):
    """Nothing was tested; the message says why."""


def find(project: Project) -> Path | None:
    """Where it says what differs from run to run; None where it says nothing."""
    places = (project.notebooks / "nbval.cfg", project.root / "tests" / "nbval.cfg")
    return next((path for path in places if path.is_file()), None)


def check(path: Path) -> None:
    """Raises CannotTest with the line of a file that is not pairs of `regex:` and `replace:`."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTest(f"{path.name} cannot be read: {error}") from None
    regex = ""
    for number, line in enumerate([*lines, ""], 1):
        where = f"{path.name}, line {number}"
        if regex:
            _check_replacement(where, regex, line)
            regex = ""
        elif line.startswith("regex: "):
            regex = line.removeprefix("regex: ")
            _check_regex(where, regex)
        elif line.strip() and not re.fullmatch(r"\s*(\[[^\]]*\]|[#;].*)", line):
            raise CannotTest(f"{where}: {line!r} is no `[heading]`, `regex: …` or `replace: …` behind a regex")


def _check_regex(where: str, regex: str) -> None:
    try:
        re.compile(regex)
    except re.error as error:
        raise CannotTest(f"{where}: the regular expression does not compile: {error}") from None


def _check_replacement(where: str, regex: str, line: str) -> None:
    if not line.startswith("replace: "):
        raise CannotTest(f"{where}: a `replace: …` has to follow the line of `regex: …`, with a blank behind the colon")
    try:
        re._parser.parse_template(line.removeprefix("replace: "), re.compile(regex))  # type: ignore[attr-defined]
    except (re.error, IndexError) as error:
        raise CannotTest(f"{where}: the replacement does not fit its regex: {error}") from None
