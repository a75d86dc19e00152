"""What lies of a person in object storage, photos and large texts: deleted there before the record that names it goes.

So a run that was interrupted, or could not reach S3, can be repeated: what names the photo is still there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any, Literal

from sqlalchemy import or_, select

from chalicelib.blobs import Blobs
from chalicelib.objects import ObjectError, Objects, S3Object
from chalicelib.store.database import Database
from chalicelib.store.reading import stream
from chalicelib.store.tables import decisions
from workbench.retention.mentions import holding, is_apart, of_others, written

SECONDS = 15.0  # for one object
GIVEN_UP = 3  # failures in a row after which S3 is left alone
URIS = 50  # looked for by one pass over the table

State = Literal["deleted", "gone", "kept", "failed"]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an object, and why it is still there. ``failed``: nothing that names it may be erased yet."""

    state: State
    why: str = ""


class Photos:
    """Deletes objects, each once, and keeps account.

    Args:
        objects: deletes them; None: nobody can.
        buckets: those that may be deleted from.
        shared: objects that decisions of others name, too.
        is_rehearsal: nothing is deleted; what would be counts as deleted.
        blobs: where large texts of records lie; each belongs to one decision.
    """

    def __init__(
        self,
        objects: Objects | None,
        buckets: Collection[str],
        stage: str,
        keep: bool = False,
        is_rehearsal: bool = False,
        blobs: Blobs | None = None,
    ) -> None:
        self.objects, self.buckets, self.stage, self.keep = objects, buckets, stage, keep
        self.is_rehearsal = is_rehearsal
        self.shared: set[S3Object] = set()
        self.fates: dict[S3Object, Fate] = {}
        self.blobs, self.texts = blobs or Blobs(), dict[S3Object, Fate]()
        self._in_a_row = 0

    def settle(self, found: Iterable[S3Object]) -> bool:
        """Delete objects. Whether the record that names them may go."""
        for one in found:
            if one not in self.fates:
                self.fates[one] = self._settle(one)
        return all(self.fates[one].state != "failed" for one in found)

    def settle_texts(self, found: Iterable[S3Object]) -> bool:
        """Delete large texts. Whether the record that names them may go."""
        for one in found:
            if self.texts.get(one, Fate("failed")).state == "failed":
                self.texts[one] = Fate("deleted") if self.is_rehearsal else self._delete_text(one)
        return all(self.texts[one].state != "failed" for one in found)

    def _delete_text(self, one: S3Object) -> Fate:
        try:
            return self._delete(self.blobs.objects(one.bucket), one)
        except ObjectError as error:
            return Fate("failed", f"{error.reason}: {error}")

    def of(self, state: State) -> list[S3Object]:
        return [one for one, fate in self.fates.items() if fate.state == state]

    def as_dict(self) -> dict[str, Any]:
        """Counts; what is still there by its address and version, and why."""
        there = {
            state: [{**one.recorded(), "why": self.fates[one].why} for one in self.of(state)]
            for state in ("kept", "failed")
        }
        return {"deleted": len(self.of("deleted")), "gone": len(self.of("gone")), **there}

    def texts_as_dict(self) -> dict[str, Any]:
        """Counts of large texts; those that are still there, and why."""
        states = [fate.state for fate in self.texts.values()]
        failed = [{**one.recorded(), "why": fate.why} for one, fate in self.texts.items() if fate.state == "failed"]
        return {"deleted": states.count("deleted"), "gone": states.count("gone"), "failed": failed}

    def _settle(self, one: S3Object) -> Fate:
        if self.keep:
            return Fate("kept", "photos were to be kept")
        if one in self.shared:
            return Fate("kept", "a decision of another subject has the same photo")
        if one.bucket not in self.buckets or self.objects is None:
            return Fate("failed", f"stage {self.stage} does not allow the bucket {one.bucket}")
        if self.is_rehearsal:
            return Fate("deleted")
        if self._in_a_row >= GIVEN_UP:
            return Fate("failed", "S3 was left alone after it failed several times in a row")
        return self._delete(self.objects, one)

    def _delete(self, objects: Objects, one: S3Object) -> Fate:
        try:
            was_there = objects.delete(one, perf_counter() + SECONDS)
        except ObjectError as error:
            if error.reason == "changed":
                return Fate("kept", "another object lies there by now")
            self._in_a_row += 1
            return Fate("failed", f"{error.reason}: {error}")
        self._in_a_row = 0
        return Fate("deleted" if was_there else "gone")


def objects_in(*texts: str | None) -> set[S3Object]:
    """The objects of all photos recorded in JSON texts."""
    return {found for text in texts if text and '"s3"' in text for found in _objects(json.loads(text))}


def _objects(node: Any) -> Iterator[S3Object]:
    if isinstance(node, dict):
        place = node.get("s3")
        if "digest" in node and isinstance(place, dict) and _is_place(place):
            yield S3Object.from_record(place)
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _objects(part)


def _is_place(record: dict[str, Any]) -> bool:
    """Whether it is as photos are recorded. Requests may hold what only looks so, in a field that takes any JSON."""
    is_stated = record.keys() in ({"uri", "version"}, {"uri", "etag"})
    return is_stated and all(isinstance(text, str) for text in record.values()) and record["uri"].startswith("s3://")


def named_by_others(
    database: Database, objects: Collection[S3Object], subject: str, fetch: Callable[[str], str] = str
) -> set[S3Object]:
    """Those that decisions of other subjects name, too. Reads all decisions, once for each ``URIS`` objects."""
    found, uris = set[S3Object](), iter(sorted({one.uri for one in objects}))
    while some := list(islice(uris, URIS)):
        parts = [part for uri in some for part in written(uri)]
        query = select(decisions.c.request).where(
            of_others(subject), or_(is_apart(decisions.c.request), *(holding(decisions.c.request, p) for p in parts))
        )
        for row in stream(database.engine, query):
            found |= objects_in(fetch(row.request)) & set(objects)
    return found
