"""Answers that were recorded from other providers: for notebooks' regression tests, without credentials.

What is in ``usecases/recordings/*.jsonl`` is found by digest; ``artemis record NAME`` writes it. Files are read when
they are first asked for, and again when they change.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import BaseModel, Field

from chalicelib.asking import ANY_TIME, Answer, Asking
from chalicelib.errors import ProviderError
from chalicelib.facts import NotRecordable
from chalicelib.folders import find_folder
from chalicelib.predictions import which
from chalicelib.questions import BY_ITEM, OF_PHOTOS, Question
from chalicelib.recordings import FOLDER, Recording, hint, read

Found = dict[tuple[str, str], Recording]


class Recorded:
    """What other providers answered when it was recorded: the answer names them, and is never charged."""

    MANAGED = False

    class Settings(BaseModel, extra="forbid"):
        """``folder``: where the recordings lie, seen from the project's root. It does not ship to Lambda."""

        folder: str = Field(default=FOLDER, min_length=1)

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        self.settings = self.Settings.model_validate(settings or {})
        self._files, self._lock = dict[Path, tuple[tuple[int, int], Found]](), Lock()

    def moderation(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        return self._answer(Question("moderation", (photo,)), asking)

    def faces(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        return self._answer(Question("faces", (photo,)), asking)

    def text(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        return self._answer(Question("text", (photo,)), asking)

    def labels(self, photo: Any, asking: Asking = ANY_TIME) -> Answer:
        return self._answer(Question("labels", (photo,)), asking)

    def embedding(self, texts: list[str], asking: Asking = ANY_TIME) -> Answer:
        return self._answer(Question("embedding", tuple(texts)), asking)

    def predict(self, model: str, features: list[dict[str, Any]], asking: Asking = ANY_TIME) -> Answer:
        return self._answer(Question("predict", tuple(features), model), asking)

    def query(self, sql: str, parameters: dict[str, Any], asking: Asking = ANY_TIME) -> Answer:
        return self._answer(Question("query", ((sql, parameters),)), asking)

    def _answer(self, question: Question, asking: Asking) -> Answer:
        """The recorded answer. Raises ProviderError: not-recorded, bad-answer for a file that holds something else."""
        files = self._read(asking.use_case)
        found = [self._find(files, question.capability, digest) for digest in question.digests]
        missing = [position for position, recording in enumerate(found) if recording is None]
        if missing:
            raise ProviderError(_missing(question, missing, asking), code="not-recorded", attempts=0)
        recordings = [recording for recording in found if recording is not None]
        try:
            results = [recording.decoded() for recording in recordings]
        except NotRecordable:
            message = f"a recording of {question.name} is not of its form: record it anew"
            raise ProviderError(message, code="bad-answer", attempts=0) from None
        result = results if question.capability in BY_ITEM else results[0]
        who = {name: _joined([getattr(one, name) for one in recordings]) for name in ("model", "version", "provider")}
        return Answer(result, units=len(results), attempts=0, **who)

    @staticmethod
    def _find(files: list[Found], capability: str, digest: str) -> Recording | None:
        return next((file[capability, digest] for file in files if (capability, digest) in file), None)

    def _read(self, use_case: str) -> list[Found]:
        """All files, as they are now: that of the use case that asks, then the others by name."""
        folder = find_folder(self.settings.folder)
        paths = sorted(folder.glob("*.jsonl"), key=lambda path: (path.stem != use_case, path.name)) if folder else []
        with self._lock:
            return [self._file(path) for path in paths]

    def _file(self, path: Path) -> Found:
        try:
            return self._current(path)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            message = f"{self.settings.folder}/{path.name}: {why}"
            raise ProviderError(message, code="bad-answer", attempts=0) from None

    def _current(self, path: Path) -> Found:
        status = path.stat()
        stamp = status.st_mtime_ns, status.st_size
        known = self._files.get(path)
        if known is None or known[0] != stamp:
            found = {recording.key: recording for recording in read(path.read_text("utf-8"))}
            known = self._files[path] = stamp, found
        return known[1]


def _missing(question: Question, missing: list[int], asking: Asking) -> str:
    name = asking.use_case if asking.use_case not in ("", "notebook") else "NAME"  # a notebook does not know its name
    count = len(question.items)
    whose = which(missing[0], count) if len(missing) == 1 else f" ({len(missing)} of {count} items)"
    return f"no recording answers {_asked(question, missing[0])}{whose}; record it: artemis record {name} --stage STAGE"


def _asked(question: Question, position: int) -> str:
    """An item of a question in the words that stand in a recording under ``asked``."""
    said = hint(question, question.items[position])
    if question.capability in OF_PHOTOS:
        return f"{question.name} of the photo {said}…"
    return f"{question.name} for these features" if question.model else f"{question.name} of {said}"


def _joined(values: list[str]) -> str:
    """One value, or all that there are where items were recorded from several models."""
    return ", ".join(sorted(set(values)))
