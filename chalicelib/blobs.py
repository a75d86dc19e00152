"""Large texts of a decision's record lie apart: in object storage, by reference and digest.

A record over its budget is put away text by text, the largest first, until it is within. The row then holds a
reference in the text's place: ``@`` and JSON that says where the object is and which digest and size it has. No JSON
text begins with ``@``, so nobody's data passes for one, and whoever forgets to fetch fails at once.

Where: in the stage's bucket (``objects:`` in the stage file), else in a folder beside an embedded database, else
nowhere: the texts stay in their rows.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from chalicelib.errors import RecordUnavailable
from chalicelib.facts import canonical
from chalicelib.objects import FOLDER, ObjectError, Objects, S3Object

if TYPE_CHECKING:
    from chalicelib.rows import Record

log = logging.getLogger("artemis")

SIGN = "@"
ABOVE = 32_768  # bytes that requests and results of one record may have in their rows
WRITE_SECONDS, READ_SECONDS = 2.0, 10.0  # for one object
QUIET_SECONDS = 60.0  # between two warnings
WIDEST = 4  # bytes of a character in UTF-8


@dataclass(frozen=True, slots=True)
class Place:
    """Where large texts of a stage go. ``above``: bytes of a record from which on."""

    bucket: str = FOLDER
    prefix: str = ""
    above: int = ABOVE


class Blobs:
    """Puts large texts away, and fetches them.

    Args:
        place: where to put them; None: nowhere.
        s3: makes the S3 client, on first use.
        folder: the objects beside an embedded database; None: there is none.
    """

    def __init__(
        self, place: Place | None = None, s3: Callable[[], Objects] | None = None, folder: Objects | None = None
    ) -> None:
        self._place, self._s3, self._folder = place, s3, folder
        self._warned_at = float("-inf")

    def put_away(self, record: Record, left: float) -> Record:
        """The record with references in the place of its largest texts. ``left``: seconds there are.

        Where the object store does not take one in time, the text stays in its row, and that is logged.
        """
        place = self._place
        if place is None or self._is_small(record, place.above):
            return record
        texts = {"": record.decision["request"]} | {one["task"]: one["output"] or "" for one in record.results}
        sizes = {name: len(text.encode()) for name, text in texts.items()}
        references, until = dict[str, str](), perf_counter() + max(0.0, min(left, WRITE_SECONDS))
        for name in sorted(sizes, key=lambda name: -sizes[name]):
            if sum(sizes.values()) <= place.above:
                break
            try:
                references[name] = self._put(record.decision["id"], name or "request", texts[name], until)
            except ObjectError as error:
                self._warn(error)
                break
            sizes[name] = len(references[name])
        return _with(record, references)

    @staticmethod
    def _is_small(record: Record, above: int) -> bool:
        """Whether a record is within its budget however its characters are written."""
        length = len(record.decision["request"]) + sum(len(one["output"] or "") for one in record.results)
        return length * WIDEST <= above

    def fetch(self, text: str) -> str:
        """The text that a column stands for. Raises RecordUnavailable when it cannot be had."""
        if not text.startswith(SIGN):
            return text
        reference = json.loads(text[1:])
        found = S3Object.from_record(reference)
        try:
            data = b"".join(self.objects(found.bucket).stream(found, 0, perf_counter() + READ_SECONDS))
        except ObjectError as error:
            said = f"a part of the record that lies apart cannot be read: {error}"
            raise RecordUnavailable(said, is_gone=error.reason == "missing") from None
        if (len(data), hashlib.sha256(data).hexdigest()) != (reference["bytes"], reference["sha256"]):
            raise RecordUnavailable("a part of the record that lies apart is not what was put there")
        return data.decode()

    def fetch_if_there(self, text: str) -> str:
        """The same, or JSON's null where the object is gone: what expires in a bucket must not stop who reads all."""
        try:
            return self.fetch(text)
        except RecordUnavailable as error:
            if error.is_gone:
                return "null"
            raise

    def whole(self, row: dict[str, Any], results: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A decision's row and its facts' with all texts in their places. Raises RecordUnavailable."""
        facts = [one | {"output": one["output"] and self.fetch(one["output"])} for one in results]
        return row | {"request": self.fetch(row["request"])}, facts

    def rewrite(self, text: str, change: Callable[[str], str]) -> tuple[str, S3Object | None]:
        """A column's text with its content changed, and the object that is to be deleted once the row is written.

        Raises RecordUnavailable, ObjectError.
        """
        if not text.startswith(SIGN):
            return change(text), None
        old = S3Object.from_record(json.loads(text[1:]))
        data = change(self.fetch(text)).encode()
        new = self.objects(old.bucket).write(old.bucket, old.key, data, MEDIA, perf_counter() + READ_SECONDS)
        return _reference(new, data), old if old.version and old.version != new.version else None

    def _put(self, decision_id: str, name: str, text: str, until: float) -> str:
        assert self._place is not None
        data, key = text.encode(), f"{self._place.prefix}{decision_id}/{name}.json"
        bucket = self._place.bucket
        return _reference(self.objects(bucket).write(bucket, key, data, MEDIA, until), data)

    def objects(self, bucket: str) -> Objects:
        """Where objects of a bucket, or of the folder, are. Raises ObjectError where that is nowhere."""
        found = self._folder if bucket == FOLDER else self._s3 and self._s3()
        if not found:
            raise ObjectError("not-configured", "no folder beside this database" if bucket == FOLDER else "")
        return found

    def _warn(self, error: ObjectError) -> None:
        if monotonic() - self._warned_at > QUIET_SECONDS:
            self._warned_at = monotonic()
            log.warning("large texts stay in their rows, as the object store does not take them: %s", error)


MEDIA = "application/json"


def reference_in(text: str | None) -> S3Object | None:
    """The object that a column's text refers to; None where it is the text itself."""
    if text is None or not text.startswith(SIGN):
        return None
    with suppress(ValueError, KeyError):
        return S3Object.from_record(json.loads(text[1:]))
    return None


def _reference(found: S3Object, data: bytes) -> str:
    digest = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    return SIGN + canonical(found.recorded() | digest)


def _with(record: Record, references: Mapping[str, str]) -> Record:
    if not references:
        return record
    decision: dict[str, Any] = record.decision | ({"request": references[""]} if "" in references else {})
    results = [
        one | {"output": references[one["task"]]} if one["task"] in references else one for one in record.results
    ]
    return replace(record, decision=decision, results=results)
