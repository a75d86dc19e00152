"""Cleaning notebooks for git: what a run or an editor leaves behind goes, what people wrote and saw stays.

Stays: cells, their ids and tags, outputs, execution counts, and metadata that says something about the notebook.
Goes: versions of Python, kernels' display names, times of executions, what is folded or scrolled, the state of
widgets, papermill's and editors' own notes. Counts are renumbered 1 to n where cells were run top to bottom,
since nbval fails a cell that has outputs and no count; other counts stay, for a check to report. The bytes are
those that Jupyter writes, so that a save and a cleaning differ in what goes and in nothing else.
"""

from __future__ import annotations

import json
from typing import Any

from workbench.notebook import Unreadable, read

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
# names of metadata that goes
NOTEBOOK = [
    "accelerator",
    "celltoolbar",
    "colab",
    "deepnote",
    "interpreter",
    "nteract",
    "orig_nbformat",
    "orig_nbformat_minor",
    "papermill",
    "signature",
    "toc",
    "toc-autonumbering",
    "toc-showcode",
    "toc-showmarkdowntxt",
    "varInspector",
    "vscode",
    "widgets",
]
CELL = [
    "ExecuteTime",
    "cell_id",
    "collapsed",
    "colab",
    "deepnote_cell_type",
    "execution",
    "executionInfo",
    "execution_start",
    "heading_collapsed",
    "hidden",
    "id",
    "jp-MarkdownHeadingCollapsed",
    "jupyter",
    "nteract",
    "outputId",
    "papermill",
    "pycharm",
    "scrolled",
    "source_hash",
    "trusted",
    "vscode",
]
DEFAULTS = {"editable": True, "deletable": True, "tags": [], "slideshow": {"slide_type": ""}}  # said without need
WIDGET = "application/vnd.jupyter.widget-view+json"
TEXTS = ("application/javascript", "image/svg+xml")  # kept as lists of lines, as every text/… is


def clean(path: str, data: bytes) -> bytes:
    """A notebook's bytes, cleaned. ``path`` is for messages. Raises Unreadable."""
    read(path, "notebook", data)  # refuses what is no notebook, with our words
    content = json.loads(data.decode("utf-8-sig"))
    content["metadata"] = _of_notebook(_mapping(content.get("metadata")))
    for cell in content["cells"]:
        _clean_cell(cell)
    _renumber([cell for cell in content["cells"] if cell.get("cell_type") == "code"])
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True, separators=(",", ": ")) + "\n"
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Unreadable("an output holds half a character (a lone surrogate)", "run that cell anew") from None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _of_notebook(metadata: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in metadata.items() if key not in NOTEBOOK}
    if "kernelspec" in kept:
        kept["kernelspec"] = dict(KERNEL)
    language = kept.get("language_info")
    if isinstance(language, dict):
        kept["language_info"] = {key: value for key, value in language.items() if key != "version"}
    return kept


def _clean_cell(cell: dict[str, Any]) -> None:
    metadata = _mapping(cell.get("metadata"))
    cell["metadata"] = {
        key: value
        for key, value in metadata.items()
        if key not in CELL and not (key in DEFAULTS and value == DEFAULTS[key])
    }
    if isinstance(cell.get("source"), (str, list)):
        cell["source"] = _lines(cell["source"])
    for attachment in _mapping(cell.get("attachments")).values():
        _split(_mapping(attachment))
    if isinstance(cell.get("outputs"), list):
        cell["outputs"] = _joined([_output(output) for output in cell["outputs"]])


def _output(output: Any) -> Any:
    """An output without the state of a widget, which no one else has; its other forms stay."""
    if not isinstance(output, dict):
        return output
    data = output.get("data")
    if isinstance(data, dict):
        if len(data) > 1:
            data.pop(WIDGET, None)
        _split(data)
    if "text" in output and isinstance(output["text"], (str, list)):
        output["text"] = _lines(output["text"])
    if isinstance(output.get("metadata"), dict):
        output["metadata"].pop("execution", None)
    return output


def _joined(outputs: list[Any]) -> list[Any]:
    """Pieces of one stream that follow each other are one: where they were cut is chance."""
    joined: list[Any] = []
    for output in outputs:
        last: Any = joined[-1] if joined else None
        if _is_stream(last) and _is_stream(output) and last["name"] == output["name"]:
            last["text"] = _lines([*last["text"], *output["text"]])
        else:
            joined.append(output)
    return joined


def _is_stream(output: Any) -> bool:
    return (
        isinstance(output, dict)
        and output.get("output_type") == "stream"
        and isinstance(output.get("name"), str)
        and isinstance(output.get("text"), list)
    )


def _split(data: dict[str, Any]) -> None:
    for kind, value in data.items():
        if isinstance(value, str | list) and (kind.startswith("text/") or kind in TEXTS):
            data[kind] = _lines(value)


def _lines(text: str | list[Any]) -> list[Any]:
    """A text as Jupyter stores it: a list of lines. A list that holds anything else is left alone."""
    if isinstance(text, list):
        if not all(isinstance(part, str) for part in text):
            return text
        text = "".join(text)
    return text.splitlines(keepends=True)


def _renumber(cells: list[dict[str, Any]]) -> None:
    """Counts from 1 where they rise from cell to cell; where they do not, they tell of a hidden state."""
    ran = [cell for cell in cells if cell.get("execution_count") is not None]
    counts = [cell["execution_count"] for cell in ran]
    if not all(isinstance(count, int) for count in counts) or sorted(set(counts)) != counts:
        return
    for number, cell in enumerate(ran, 1):
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else ():
            if isinstance(output, dict) and output.get("execution_count") == cell["execution_count"]:
                output["execution_count"] = number
        cell["execution_count"] = number
