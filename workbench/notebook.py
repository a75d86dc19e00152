"""Reading notebooks: JSON in, cells out. No nbformat here: importing it costs more than a build.

Only nbformat 4 is read. Line ends become ``\\n``, which is what Python makes of them anyway.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

NAME = re.compile(r"[a-z][a-z0-9_]*")
ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # nbformat's; an id stands in a comment of the module


class Unreadable(Exception):
    """A file is no notebook that can be read: ``message`` and ``hint`` say why."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. ``number`` is 1-based over all cells; ``id`` is nbformat's, or ``#number`` where that is none.

    ``outputs`` are as the file holds them; ``execution_count`` is None for a cell that was not run.
    """

    number: int
    id: str
    kind: str
    source: str
    tags: tuple[str, ...]
    outputs: tuple[dict[str, Any], ...] = field(default=(), compare=False, repr=False)
    execution_count: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Notebook:
    """One notebook. ``path`` is relative to the project; ``digest`` is the file's SHA-256.

    ``settings`` is what stands under ``artemis`` in the notebook's metadata, whatever it is; None: nothing.
    """

    path: str
    name: str
    cells: tuple[Cell, ...]
    digest: str
    settings: Any = field(default=None, compare=False)

    @property
    def contract(self) -> int:
        """Which contract it has with its callers: 1, or what ``{"artemis": {"contract": 2}}`` says."""
        found = self.settings.get("contract") if isinstance(self.settings, dict) else None
        return found if type(found) is int and found >= 1 else 1

    @property
    def code(self) -> Iterator[Cell]:
        return (cell for cell in self.cells if cell.kind == "code")

    def tagged(self, tag: str) -> list[Cell]:
        return [cell for cell in self.code if tag in cell.tags]

    def heading(self) -> tuple[str, str]:
        """Title and description: the heading and the rest of the first markdown cell."""
        text = next((cell.source for cell in self.cells if cell.kind == "markdown"), "").strip()
        first, _, rest = text.partition("\n")
        if not first.startswith("#"):
            return self.name.replace("_", " ").capitalize(), text
        return first.lstrip("#").strip(), rest.strip()


def read(path: str, name: str, data: bytes) -> Notebook:
    """A notebook from a file's bytes. Raises Unreadable."""
    content = _parse(data)
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("the notebook has no list of cells", "open and save it in JupyterLab")
    if not cells:
        raise Unreadable("the notebook has no cells", "`artemis new` writes one to start from")
    notebook = Notebook(
        path,
        name,
        tuple(_cell(number, cell) for number, cell in enumerate(cells, 1)),
        hashlib.sha256(data).hexdigest(),
        _settings(content.get("metadata")),
    )
    if b"\\u" in data:
        _refuse_half_characters(notebook)
    return notebook


def _refuse_half_characters(notebook: Notebook) -> None:
    """JSON can name half of an emoji, which no file can hold as text."""
    for cell in notebook.cells:
        try:
            "".join([cell.source, *cell.tags]).encode()
        except UnicodeEncodeError:
            raise Unreadable(f"cell {cell.number} holds half a character (a lone surrogate)", "type it anew") from None


def _parse(data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"the file is not UTF-8 (byte {error.start})", "save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the file is not JSON: {error}", "restore it, or resolve the merge in it") from None
    if not isinstance(content, dict):
        raise Unreadable("the file is JSON, but not a notebook", "a notebook is a JSON object")
    major = content.get("nbformat")
    if major != 4:
        hint = "convert it: jupyter nbconvert --to notebook --nbformat 4 --inplace"
        raise Unreadable(f"the notebook has nbformat {major!r}; 4 is needed", hint)
    language = _language(content.get("metadata"))
    if language != "python":
        raise Unreadable(f"the notebook's language is {language}, not Python", "use a Python kernel")
    return content


def _settings(metadata: Any) -> Any:
    return metadata.get("artemis") if isinstance(metadata, dict) else None


def _language(metadata: Any) -> str:
    if not isinstance(metadata, dict):
        return "python"
    kernel = metadata.get("kernelspec")
    language = kernel.get("language") if isinstance(kernel, dict) else None
    return str(language or "python").lower()


def _cell(number: int, content: Any) -> Cell:
    if not isinstance(content, dict):
        raise Unreadable(f"cell {number} is not an object", "open and save it in JupyterLab")
    source = content.get("source", "")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        raise Unreadable(f"the source of cell {number} is no text", "open and save it in JupyterLab")
    metadata = content.get("metadata")
    tags = metadata.get("tags", []) if isinstance(metadata, dict) else []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise Unreadable(f"the tags of cell {number} are no list of texts", "mend its metadata")
    identifier = content.get("id")
    return Cell(
        number,
        identifier if isinstance(identifier, str) and ID.fullmatch(identifier) else f"#{number}",
        str(content.get("cell_type")),
        source.replace("\r\n", "\n").replace("\r", "\n"),
        tuple(tags),
        *_run(content),
    )


def _run(content: dict[str, Any]) -> tuple[tuple[dict[str, Any], ...], int | None]:
    """What running a cell left: outputs and execution count. Whatever else stands there is none."""
    outputs, count = content.get("outputs"), content.get("execution_count")
    found = tuple(output for output in outputs if isinstance(output, dict)) if isinstance(outputs, list) else ()
    return found, count if isinstance(count, int) and not isinstance(count, bool) else None
