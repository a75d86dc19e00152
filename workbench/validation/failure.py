"""Where a run went wrong: the cell, the line in it, and the line's code.

IPython's traceback names inputs (``Cell In[5], line 3``); here they become the notebook's own cells,
counted as everywhere: from the top, text cells included, the injected cell left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from workbench.notebook import Cell

ANSI = re.compile(r"\x1b\[[0-9;]*m")
INPUT_FILE = re.compile(r" \(\d+\.py, line \d+\)$")  # how IPython calls a cell in a SyntaxError
FRAME = re.compile(r"Cell In ?\[(\d+)\], line (\d+)")


@dataclass(frozen=True)
class Failure:
    """``kind``: raised, timeout, died, metrics or kernel. ``cell`` 1-based, 0: none. ``line`` 1-based, 0: unknown.

    ``raised_in`` is the place the error came from, when it is an earlier cell's function.
    """

    kind: str
    message: str
    cell: int = 0
    cell_id: str = ""
    line: int = 0
    code: str = ""
    raised_in: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def place(self) -> str:
        if not self.cell:
            return "no cell"
        return f"cell {self.cell} [{self.cell_id}]" + (f" line {self.line}" if self.line else "")


def at_cell(kind: str, message: str, cell: Cell, line: int = 0, raised_in: str = "") -> Failure:
    """A failure in one of the notebook's cells."""
    lines = cell.source.split("\n")
    code = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return Failure(kind, message, cell.number, cell.id, line, code, raised_in)


def raised(output: Any, cell: Cell, count: int | None, by_count: dict[int, Cell]) -> Failure:
    """The failure of a cell from its error output. ``by_count``: execution count -> cell."""
    text = ANSI.sub("", "\n".join(output.get("traceback", ())))
    frames = [(int(found), int(line)) for found, line in FRAME.findall(text)]
    own = [line for found, line in frames if found == count]
    last = frames[-1] if frames else (count, 0)
    elsewhere = by_count.get(last[0]) if last[0] is not None and last[0] != count else None
    origin = at_cell("raised", "", elsewhere, last[1]) if elsewhere else None
    raised_in = f"{origin.place}: {origin.code}" if origin else ""
    return at_cell("raised", _said(output), cell, own[-1] if own else 0, raised_in)


def _said(output: Any) -> str:
    name, message = str(output.get("ename", "")), ANSI.sub("", str(output.get("evalue", ""))).strip()
    message = INPUT_FILE.sub("", message)
    if name == "SystemExit":
        return f"SystemExit: {message}; the cell ended the run, and the cells below it were not checked"
    return f"{name}: {message}" if message else name


def first_error(outputs: Sequence[Any]) -> Any:
    """The first error among a cell's outputs, or None."""
    return next((output for output in outputs if output.get("output_type") == "error"), None)
