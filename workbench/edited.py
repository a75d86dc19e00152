"""Generated means generated: telling a module that somebody edited from one that a build wrote.

A build wrote what the manifest names by its digest, also a manifest in the middle of a merge, and what a
build that was killed had begun to write (its journal). What equals the notebook is fine whoever wrote it.
All else was edited, unless only blank lines or the lines between cells differ, which nobody would miss,
or it holds the markers of a merge's conflict, which is to be resolved in the notebook.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.problems import Problem
from workbench.project import Project

MARKER = re.compile(r"# %% \S+\.ipynb cell (\d+) \[([^\]]+)\]")
CONFLICT = re.compile(rb"^(<<<<<<< .*|>>>>>>> .*)$", re.MULTILINE)
CONTEXT = 2  # lines around what differs
HINT = "make this edit in that cell of the notebook, or discard it: `artemis build --force`"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a module: one cell's lines, or with cell 0 those above the first cell."""

    cell: int
    cell_id: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hunk:
    """A place where a module differs from its notebook: ``line`` is the first line that does, in its cell.

    ``diff``: its lines, each behind `` ``, ``-`` (what the notebook has) or ``+`` (what the module has).
    """

    cell: int
    cell_id: str
    line: int
    diff: tuple[str, ...]


def edits(expected: str, found: bytes) -> list[Hunk]:
    """Where a module was edited; empty when nothing in it could be lost."""
    if CONFLICT.search(found):
        return []
    old = _sections(expected)
    new = _sections(found.decode("utf-8", "replace"))
    cells = [key for key in old if key not in new] + list(new)
    order = {key: number for number, key in enumerate(old)}
    hunks: list[Hunk] = []
    for key in sorted(cells, key=lambda key: order.get(key, len(order))):
        hunks += _compare(old.get(key), new.get(key))
    return hunks


def problems(project: Project, name: str, hunks: list[Hunk]) -> list[Problem]:
    """An edited module's problems: one for each hunk, at its cell."""
    module = project.relative(project.generated / f"{name}.py")
    message = f"{module} was edited by hand (- the notebook's lines, + the module's)"
    return [
        Problem(
            f"usecases/{name}.ipynb",
            hunk.cell,
            hunk.line,
            0,
            "edited",
            message,
            HINT if hunk.cell else "these lines are of no cell; to discard the edit: `artemis build --force`",
            hunk.cell_id,
            diff="\n".join(hunk.diff),
        )
        for hunk in hunks
    ]


def orphaned(project: Project, name: str) -> Problem:
    """The problem of an edited module whose notebook is gone."""
    module = project.relative(project.generated / f"{name}.py")
    message = f"the notebook is gone, and {module} is not as a build left it"
    hint = f"remove {module} when nothing in it is needed, or let `artemis build --force` do it"
    return Problem(f"usecases/{name}.ipynb", 0, 0, 0, "edited", message, hint)


def _sections(text: str) -> dict[tuple[str, int], Section]:
    """A module's parts by cell id; the second of an id is another part."""
    sections: dict[tuple[str, int], Section] = {}
    cell, cell_id, lines = 0, "", list[str]()
    for line in [*text.split("\n"), None]:
        marker = MARKER.fullmatch(line.rstrip("\r")) if line is not None else None
        if line is not None and not marker:
            lines.append(line.rstrip("\r"))
            continue
        times = sum(known == cell_id for known, _ in sections)
        sections[cell_id, times] = Section(cell, cell_id, _without_blank_end(lines))
        cell, cell_id, lines = (int(marker[1]), marker[2], []) if marker else (0, "", [])
    return sections


def _without_blank_end(lines: list[str]) -> tuple[str, ...]:
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    return tuple(lines[:end])


def _compare(old: Section | None, new: Section | None) -> Iterator[Hunk]:
    cell = old or new
    assert cell is not None
    before, after = old.lines if old else (), new.lines if new else ()
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT):
        diff: list[str] = []
        for kind, a, b, c, d in group:
            if kind == "equal":
                diff += [f" {line}" for line in before[a:b]]
                continue
            diff += [f"-{line}" for line in before[a:b]] + [f"+{line}" for line in after[c:d]]
        first = next(a for kind, a, *_ in group if kind != "equal")
        yield Hunk(cell.cell, cell.cell_id, first + 1 if cell.cell else 0, tuple(diff))
