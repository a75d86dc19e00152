"""A problem: what is wrong, in which notebook, cell and line, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from workbench.notebook import Cell, Notebook


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """``cell`` is 1-based over all cells, ``line`` and ``column`` 1-based in the cell; 0: none of its own.

    In a stage file ``notebook`` is its path, ``cell`` is 0, and ``line`` counts from the file's first.
    """

    notebook: str
    cell: int
    line: int
    column: int
    rule: str
    message: str
    hint: str = ""
    cell_id: str = ""
    code: str = ""  # the cell's line, for showing
    severity: Literal["error", "warning", "info"] = "error"
    diff: str = ""  # lines behind ` `, `-` (the notebook's) or `+` (the module's); of an edited module only

    def as_dict(self) -> dict[str, Any]:
        """The form for editors and CI."""
        return {name: value for name, value in asdict(self).items() if name != "code" and (value or name != "diff")}


def at(
    notebook: Notebook,
    cell: Cell | None,
    rule: str,
    message: str,
    hint: str = "",
    line: int = 0,
    column: int = 0,
) -> Problem:
    """A problem in a cell, or of the whole notebook where there is no cell to name."""
    if cell is None:
        return Problem(notebook.path, 0, 0, 0, rule, message, hint)
    lines = cell.source.split("\n")
    code = lines[line - 1] if 0 < line <= len(lines) else ""
    return Problem(notebook.path, cell.number, line, column, rule, message, hint, cell.id, code)
