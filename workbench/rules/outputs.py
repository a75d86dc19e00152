"""Rules of what running left in a notebook: outputs are those of this code, small, and no accident."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from workbench.draft import Draft
from workbench.notebook import Cell
from workbench.problems import Problem, at
from workbench.rules.catalogue import rule

MEGABYTE = 1_000_000
CELL_LIMIT, NOTEBOOK_LIMIT = MEGABYTE, 5 * MEGABYTE  # characters of output
RERUN = "run the notebook top to bottom (Restart & Run All) and save it"
UNRUN_ON_PURPOSE = "skip-execution"


@rule("output-size", "warning", optional=True)
def output_size(draft: Draft) -> Iterator[Problem]:
    """The outputs of a cell are at most 1 MB, those of a notebook at most 5 MB.

    Larger ones make the repository slow and a review impossible, for good: git keeps every version. Show a sample
    (`frame.head()`), a smaller picture (`dpi`), or clear the output before saving.
    """
    sizes = {cell: sum(map(_size, cell.outputs)) for cell in draft.notebook.code if cell.outputs}
    hint = "show less, or clear the output before saving"
    for cell, size in sizes.items():
        if size > CELL_LIMIT:
            message = (
                f"the outputs of this cell are {size / MEGABYTE:.1f} MB; {CELL_LIMIT / MEGABYTE:.0f} MB is the limit"
            )
            yield at(draft.notebook, cell, "output-size", message, hint)
    total = sum(sizes.values())
    if total > NOTEBOOK_LIMIT:
        largest = max(sizes, key=lambda cell: sizes[cell])
        message = f"all outputs together are {_megabytes(total)}; {_megabytes(NOTEBOOK_LIMIT)} is the limit"
        message += f"; this cell's are the largest, {_megabytes(sizes[largest])}"
        yield at(draft.notebook, largest, "output-size", message, hint)


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.1f} MB"


def _size(value: Any) -> int:
    """About how many characters a value takes in the file."""
    size, waiting = 0, [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
    return size


@rule("stale-outputs", "warning", optional=True)
def stale_outputs(draft: Draft) -> Iterator[Problem]:
    """Outputs are those of one run of all cells from top to bottom.

    After cells were run in another order, or only some of them, what is shown may come from code that is no longer
    there: nobody else can get it again. `artemis test` compares these outputs with a fresh run.
    """
    cells = [cell for cell in draft.notebook.code if cell.source.strip()]
    run = [cell for cell in cells if cell.execution_count is not None]
    if not run:
        yield from _uncounted(draft, cells)
        return
    for before, after in pairwise(run):
        if (after.execution_count or 0) <= (before.execution_count or 0):
            message = f"cell {after.number} was run before cell {before.number}"
            message += f" (execution counts {after.execution_count} and {before.execution_count})"
            yield at(draft.notebook, after, "stale-outputs", message, RERUN)
            break
    unrun = [cell for cell in cells if cell.execution_count is None and UNRUN_ON_PURPOSE not in cell.tags]
    yield from _uncounted(draft, unrun)
    silent = [cell for cell in unrun if not cell.outputs]
    if silent:
        others = f" (nor {len(silent) - 1} more)" if len(silent) > 1 else ""
        message = f"this cell was not run{others}, but others were"
        yield at(draft.notebook, silent[0], "stale-outputs", message, RERUN)


def _uncounted(draft: Draft, cells: list[Cell]) -> Iterator[Problem]:
    """Outputs that came without a run, as after a merge or half a cleaning."""
    for cell in cells:
        if cell.outputs and cell.execution_count is None:
            message = "this cell has outputs, but no execution count"
            yield at(draft.notebook, cell, "stale-outputs", message, RERUN)


@rule("never-run", "info", optional=True)
def never_run(draft: Draft) -> Iterator[Problem]:
    """The notebook was run before it was saved.

    Its outputs are what a reviewer sees of the validation, and what `artemis test` compares with a fresh run. Without
    them nothing is wrong with the use case, only less is checked.
    """
    cells = [cell for cell in draft.notebook.code if cell.source.strip()]
    if cells and all(cell.execution_count is None and not cell.outputs for cell in cells):
        yield at(draft.notebook, cells[0], "never-run", "no cell of this notebook has been run", RERUN)


@rule("error-output", "warning", optional=True)
def error_output(draft: Draft) -> Iterator[Problem]:
    """No saved output is an error, unless the cell is tagged `raises-exception`.

    An error that was left there means that the cells after it were not run, or not with what they show.
    """
    for cell in draft.notebook.code:
        for output in cell.outputs:
            if output.get("output_type") == "error" and "raises-exception" not in cell.tags:
                message = f"a saved output is an error: {output.get('ename') or 'without a name'}"
                hint = "mend and rerun the cell, or tag it 'raises-exception' if the error is what it shows"
                yield at(draft.notebook, cell, "error-output", message, hint)
                break
