"""What came out of a notebook's cell, in words: what happened, why, and what to do."""

from __future__ import annotations

import difflib
import re
from typing import Any

from workbench.notebook import Notebook
from workbench.testing.results import Fault, Test

ENDED = "a cell above ended the kernel"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
LIMIT = 40  # lines of a diff or traceback
UPDATES = re.compile(r"clear_output\(|update_display\(|display_id|\.update\(|tqdm|\bprogress", re.IGNORECASE)


def is_stripped(notebook: Notebook) -> bool:
    """Whether nothing says what its cells put out: nbval would pass it whatever they do."""
    code = [cell for cell in notebook.code if cell.source.strip()]
    return bool(code) and not any(cell.outputs or cell.execution_count is not None for cell in code)


def test(place: str, outcome: dict[str, Any]) -> Test:
    """A cell's test from what the plugin wrote."""
    name = f"cell {outcome['cell']} [{outcome['cell_id']}]"
    made = Test(name, seconds=outcome["seconds"])
    if outcome["outcome"] == "skipped":
        made.skipped = "it is marked to be skipped"
    elif outcome["outcome"] == "not run" or outcome["message"] == "Kernel dead on test start":
        made.skipped = ENDED
    elif outcome["outcome"] == "failed":
        message, detail, hint = _explained(outcome)
        made.faults.append(Fault(message, detail, hint, place, outcome["cell"], outcome["cell_id"], _line(outcome)))
    return made


def _explained(outcome: dict[str, Any]) -> tuple[str, str, str]:
    """Message, detail and hint of a failure."""
    kind, message = outcome["kind"], outcome["message"]
    if kind == "KernelDied":
        hint = "it was killed (out of memory?), crashed, or the cell ended it (os._exit, sys.exit in a thread)"
        return "the kernel died while the cell ran", _source(outcome), hint
    if message.startswith("Timeout of"):
        hint = "make the cell quicker, or give it more: --cell-timeout SECONDS"
        return f"the cell took too long: {message[0].lower()}{message[1:]}", _traceback(outcome), hint
    if message == "Cell outputs differ":
        return _differ(outcome)
    if message.startswith("Unrun reference"):
        hint = "run the notebook from top to bottom and save it; or clear the outputs, too, and nothing is compared"
        return "outputs are saved, but the execution count was cleared, so they count as not run", "", hint
    if kind == "NbCellError":
        return _raised(outcome)
    if outcome["when"] == "setup":
        return f"the kernel did not start: {message}", "", "is ipykernel installed in this environment?"
    return f"the cell could not be run: {kind} {message}".rstrip(), _traceback(outcome), ""


def _raised(outcome: dict[str, Any]) -> tuple[str, str, str]:
    """The last paragraph of a traceback is what the exception says; its first line names it."""
    paragraphs = re.split(r"\n\s*\n", ESCAPES.sub("", outcome["traceback"]).strip())
    said = paragraphs[-1].strip().split("\n")[0] or "an exception"
    return f"the cell raises {said}", _traceback(outcome), ""


def _differ(outcome: dict[str, Any]) -> tuple[str, str, str]:
    found = outcome["differences"]
    keys = ", ".join(one["key"] for one in found) or "what is put out"
    lines = ["- saved", "+ now"]
    for one in found:
        lines += [f"{one['key']}:", *_diff(one["expected"], one["actual"])]
    return f"the outputs differ from those that are saved: {keys}", _limited(lines), _hint(outcome, found)


def _diff(saved: str, now: str) -> list[str]:
    rows = difflib.ndiff(saved.splitlines(), now.splitlines())
    return [row for row in rows if not row.startswith("? ")]


def _hint(outcome: dict[str, Any], found: list[dict[str, Any]]) -> str:
    if UPDATES.search(outcome["source"]):
        return (
            "the cell clears or updates what it displays: nbval counts every display, a saved notebook the last only. "
            "Nothing may be wrong: tag the cell nbval-ignore-output"
        )
    if any(one["picture"] for one in found):
        return "a picture changed: run and save the notebook if it is right, or tag the cell nbval-ignore-output"
    return (
        "if it is right, run and save the notebook; what differs from run to run goes into usecases/nbval.cfg, or tag "
        "the cell nbval-ignore-output"
    )


def _line(outcome: dict[str, Any]) -> int:
    """The line of the cell that raised, from IPython's traceback; 0 where it says none."""
    found = re.search(r"^-+> (\d+) ", ESCAPES.sub("", outcome["traceback"]), re.MULTILINE)
    return int(found[1]) if found else 0


def _traceback(outcome: dict[str, Any]) -> str:
    return _limited(ESCAPES.sub("", outcome["traceback"]).strip().splitlines())


def _source(outcome: dict[str, Any]) -> str:
    return _limited(outcome["source"].splitlines())


def _limited(lines: list[str]) -> str:
    if len(lines) > LIMIT:
        lines = [*lines[: LIMIT // 2], f"… {len(lines) - LIMIT} lines …", *lines[-LIMIT // 2 :]]
    return "\n".join(lines)
