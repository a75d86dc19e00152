"""Recordings: what models answered once, kept in ``usecases/recordings/<name>.jsonl``.

A line is one item that was asked about::

    {"capability": "predict", "digest": "9f2c…", "asked": "match_score", "provider": "sagemaker",
     "model": "match-score-3", "version": "AllTraffic", "result": {"value": "yes", "scores": {"yes": 0.83}}}

``digest`` is what it is found by (see ``chalicelib.questions``). ``asked`` is a hint for people who read the file: it
holds no photo's content, no text that was embedded and no value that was queried with.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel

from chalicelib.calling.reuse import codec
from chalicelib.models import CAPABILITIES, ModelSource
from chalicelib.questions import OF_PHOTOS, Question

FOLDER = "usecases/recordings"
HINT = 40  # characters
FULL_NAME = re.compile(r"(?<![\w.-])[\w-]+\.(?=[\w-]+\.[\w-])")  # the project in project.dataset.table
LITERAL = re.compile(r"'(?:[^']|'')*'?|\"(?:[^\"]|\"\")*\"?")  # BigQuery's texts stand in either quotes


class Recording(BaseModel, extra="forbid", frozen=True, strict=True):
    """One answered item. ``result`` is JSON, of the capability's form and without its source."""

    capability: str
    digest: str
    asked: str
    provider: str
    model: str
    version: str
    result: Any

    @property
    def key(self) -> tuple[str, str]:
        """What it is found by."""
        return self.capability, self.digest

    def line(self) -> str:
        """The recording as a line of its file, without the line's end."""
        return json.dumps(self.model_dump(), ensure_ascii=False, allow_nan=False)

    def decoded(self) -> Any:
        """The result as a task gets it. Raises NotRecordable when it is not of the capability's form."""
        return codec(self.capability).decode(json.dumps(self.result))


def read(text: str) -> list[Recording]:
    """The recordings of a file. Raises ValueError, which names the first line that is none."""
    found = list[Recording]()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            recording = Recording.model_validate_json(line)
            if recording.capability not in CAPABILITIES:
                raise ValueError(recording.capability)
        except ValueError:
            raise ValueError(f"line {number} is no recording") from None
        found.append(recording)
    return found


def recordings(question: Question, results: list[Any], source: ModelSource) -> list[Recording]:
    """What was answered, one recording for each item. Raises NotRecordable for what cannot be written as JSON."""
    return [
        Recording(
            capability=question.capability,
            digest=digest,
            asked=hint(question, item),
            result=_plain(question.capability, result),
            **source.model_dump(),
        )
        for digest, item, result in zip(question.digests, question.items, results, strict=True)
    ]


def _plain(capability: str, result: Any) -> Any:
    value = json.loads(codec(capability).encode(result))
    if capability in ("moderation", "predict"):
        value.pop("source", None)  # that stands in the line itself
    return value


def hint(question: Question, item: Any) -> str:
    """What an item is, for people, without what may be personal in it."""
    if question.capability in OF_PHOTOS:
        return str(item.digest)[:19]
    if question.capability == "embedding":
        return f"a text of {len(item)} characters"
    if question.capability == "query":
        words = " ".join(FULL_NAME.sub("", LITERAL.sub("'…'", item[0])).split())
        return words if len(words) <= HINT else words[: HINT - 1] + "…"
    return question.model
