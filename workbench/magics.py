"""IPython's magics and shell escapes in a cell: which lines they are, and the Python without them.

Only Python's own parser knows where a statement begins: ``% 3)`` may go on with a sum, and ``!`` may
stand in a text. So a line is a magic when it looks like one *and* the parser stumbles over it.
"""

from __future__ import annotations

import ast
import re

MAGIC = re.compile(r"\s*[%!?]|\s*[\w.]+\?{1,2}\s*;?\s*$")
ASSIGNED = re.compile(r"(\s*[\w.,*()\[\] ]+?\s*=)\s*[%!]")
CELL_MAGIC = re.compile(r"\s*%%(\w+)")
RUNS_PYTHON = ("time", "capture", "prun")  # of the cell magics, those that run the cell in the notebook's namespace


def without_magics(source: str) -> tuple[str, list[int]]:
    """The cell with its magics replaced by ``pass``, on the same lines; and their 1-based lines."""
    lines = source.split("\n")
    found: list[int] = []
    while (number := _stumbled(lines)) is not None:
        found.append(number)
        cell_magic = CELL_MAGIC.match(lines[number - 1])
        if cell_magic and cell_magic[1] not in RUNS_PYTHON:
            return "", found
        _replace(lines, number)
    return "\n".join(lines), found


def _stumbled(lines: list[str]) -> int | None:
    """The 1-based line of the first magic; None when there is none, or the cell is wrong before it."""
    try:
        ast.parse("\n".join(lines))
    except SyntaxError as error:
        number = error.lineno or 0
        looks_so = 0 < number <= len(lines) and (MAGIC.match(lines[number - 1]) or ASSIGNED.match(lines[number - 1]))
        return number if looks_so else None
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def _replace(lines: list[str], number: int) -> None:
    """Put plain Python in a magic's place, its continuation lines included; ``x = !ls`` still binds ``x``."""
    line, last = lines[number - 1], number
    while lines[last - 1].endswith("\\") and last < len(lines):
        last += 1
    assigned = ASSIGNED.match(line)
    indent = line[: len(line) - len(line.lstrip())]
    plain = f"{assigned[1]} None" if assigned else f"{indent}pass"
    lines[number - 1 : last] = [plain] + [""] * (last - number)
