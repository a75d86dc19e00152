"""What a notebook's models answer, noted while it runs, for `artemis record`."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from chalicelib.errors import ProviderError
from chalicelib.facts import printable
from chalicelib.questions import Question
from chalicelib.recordings import Recording, read, recordings

if TYPE_CHECKING:
    from chalicelib.calling.router import Answered

RECORD = "ARTEMIS_RECORD"  # the environment variable that names the file to note in
_WRITING = Lock()


@dataclass(frozen=True, slots=True)
class Recorder:
    """Notes every answer at the end of a file. An observer of ``chalicelib.calling.router``.

    What it is told of as failed is noted in a file of its own: there is nothing of it to give again.
    """

    path: Path

    def __call__(self, question: Question, answered: Answered | ProviderError) -> None:
        if isinstance(answered, ProviderError):
            said = " ".join(printable(str(answered)).split())
            path, lines = _failures(self.path), [f"{question.name}: {answered.code}: {said}"]
        else:
            found = recordings(question, answered.results, answered.source)
            path, lines = self.path, [recording.line() for recording in found]
        data = "".join(f"{line}\n" for line in lines).encode()
        with _WRITING, path.open("ab") as file:
            file.write(data)


def recorder() -> Recorder | None:
    """The recorder that this process's environment asks for; None where nothing is recorded."""
    path = os.environ.get(RECORD)
    return Recorder(Path(path)) if path else None


def noted(path: Path) -> list[Recording]:
    """What was noted in a file; nothing where no model was asked. Raises ValueError."""
    return read(path.read_text("utf-8")) if path.exists() else []


def failed(path: Path) -> Counter[str]:
    """``moderation: throttled: why`` -> how often, of what failed meanwhile."""
    notes = _failures(path)
    return Counter(notes.read_text("utf-8").splitlines()) if notes.exists() else Counter()


def _failures(path: Path) -> Path:
    return path.with_suffix(".failed")
