"""Labels in CSV files: what a spreadsheet makes of them, read and checked; and files to be filled in."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from chalicelib.labels import LabelRequest
    from chalicelib.manifest import Manifest
    from chalicelib.store.labels import Labelled

COLUMNS = ("decision_id", "outcome", "who", "reason")
LOOK = 400  # characters of a request that are shown
# what makes a spreadsheet take a text for a formula, as OWASP lists it; full-width signs count in some
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class NoLabels(Exception):
    """The file cannot be read as labels at all. The message says why and what to do."""


class Line(NamedTuple):
    """A label as it stands in a file. ``number``: where it begins, from 1."""

    number: int
    decision_id: str
    label: LabelRequest


class Fault(NamedTuple):
    """What is wrong in a line."""

    line: int
    message: str


@dataclass(slots=True)
class Read:
    """What a file says. ``empty``: rows without an outcome, which are no labels yet; ``ignored``: other columns."""

    lines: list[Line] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    empty: int = 0
    ignored: list[str] = field(default_factory=list)


def read(path: Path) -> Read:
    """The labels in a CSV file. Raises NoLabels."""
    rows = _rows(_text(path))
    try:
        header = [name.strip() for name in next(rows, (1, []))[1]]
        _check_header(header)
        found = Read(ignored=[name for name in header if name not in COLUMNS])
        for number, cells in rows:
            _read_row(found, number, header, cells)
    except csv.Error as error:
        raise NoLabels(f"it is no CSV: {error}") from None
    return found


def check(found: Read, about: dict[str, Labelled], manifest: Manifest) -> list[Fault]:
    """What is wrong with labels in view of the decisions that there are, ``about`` which something is known."""
    faults = []
    for line in found.lines:
        message = _trouble(line, about.get(line.decision_id), manifest)
        if message:
            faults.append(Fault(line.number, message))
    return faults


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """A new file to be filled in, as spreadsheets open it: with a BOM, else they take Korean for something else.

    It holds requests, so nobody but its owner may read it. Raises FileExistsError, or another OSError.
    """
    with open(path, "x", encoding="utf-8-sig", newline="", opener=_for_its_owner) as file:
        writer = csv.writer(file)
        writer.writerow(["decision_id", "decided", "created_at", "request", "labels", "outcome", "who", "reason"])
        for row in rows:
            time, look = row["created_at"].strftime("%Y-%m-%d %H:%M:%S"), _look(row["request"])
            cells = [row["id"], row["outcome"], time, look, str(row["labels"]), "", "", ""]
            writer.writerow(map(harmless, cells))


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _for_the_owner(path: str, flags: int) -> int:
    """Only its owner may read the file: it is about people."""
    return os.open(path, flags, 0o600)


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _look(request: str) -> str:
    from chalicelib.blobs import reference_in
    from chalicelib.sensitive import masked

    if reference_in(request):
        return "(a large request: see the decision's trace)"
    shown = masked(request)
    return shown if len(shown) <= LOOK else shown[: LOOK - 1] + "…"


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NoLabels("it is not UTF-8: save it as “CSV UTF-8”") from None
    except OSError as error:
        raise NoLabels(f"it cannot be read: {error.strerror}") from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, with the number of the line in which it begins."""
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    begin = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begin, cells
        begin = reader.line_num + 1


def _check_header(header: list[str]) -> None:
    missing = [name for name in ("decision_id", "outcome", "who", "reason") if name not in header]
    if missing:
        there = f"its first line has {', '.join(map(repr, header))}" if header else "it is empty"
        raise NoLabels(f"the header lacks {', '.join(missing)}: {there}; columns are separated by commas")
    twice = sorted({name for name in COLUMNS if header.count(name) > 1})
    if twice:
        raise NoLabels(f"the header has {', '.join(twice)} twice")


def _read_row(found: Read, number: int, header: list[str], cells: list[str]) -> None:
    from pydantic import ValidationError

    from chalicelib.labels import LabelRequest

    if len(cells) > len(header):
        message = f"{len(cells)} cells under a header of {len(header)}: put a text with commas in double quotes"
        found.faults.append(Fault(number, message))
        return
    row = {**dict.fromkeys(COLUMNS, ""), **dict(zip(header, cells, strict=False))}
    if not row["outcome"].strip():
        found.empty += 1
        return
    try:
        label = LabelRequest(outcome=row["outcome"], who=row["who"], reason=row["reason"])
    except ValidationError as error:
        found.faults += [Fault(number, f"{one['loc'][0]}: {one['msg'].lower()}") for one in error.errors()]
        return
    found.lines.append(Line(number, row["decision_id"].strip().lower(), label))


def _trouble(line: Line, about: Labelled | None, manifest: Manifest) -> str | None:
    from chalicelib.facts import has_nul, has_surrogate
    from chalicelib.labels import refusal

    if about is None:
        return f"there is no decision {line.decision_id!r}"
    if about.status == "forgotten":
        return f"decision {line.decision_id} was forgotten: it cannot be labelled"
    for name, text in line.label:
        if has_nul(text) or has_surrogate(text):
            return f"{name}: the text holds a NUL character"
    return refusal(manifest, about.use_case, about.outcome, line.label.outcome)
