"""A photo that lies in S3: found by its name, judged by its beginning, read at most once, by tasks only.

At intake one request reads the first bytes of the object. They tell its format, its size in pixels, and, with what S3
says beside them, its size in bytes and its version (in a bucket without versions: its ETag). That is the photo's
identity, so a model that takes references is given one and nothing is downloaded. Where the first bytes are all there
is, or do not tell (WebP keeps its orientation at the end), the photo is read whole and is like one that was sent.

Who reads buckets is a :class:`chalicelib.objects.Objects`, which the composition root makes. What it raises is, at
intake, the caller's mistake (422) or not (503); later it is an error of the task.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn

from pydantic_core import PydanticCustomError

from chalicelib.decode import Content, Measured, decode, flatten, measure, refused
from chalicelib.errors import PROVIDER_CODES, PhotoError, Unavailable
from chalicelib.objects import ObjectError, S3Object

if TYPE_CHECKING:
    from chalicelib.photo import PhotoPolicy

log = logging.getLogger("artemis")

BEGINNING = 128 * 1024  # bytes: EXIF with its preview takes up to 64 KB, a usual colour profile less than 4
MAX_KEY = 1024  # bytes of UTF-8, as S3 has it
# reason -> code of the 503 and the seconds after which it may be different; other reasons: the store is out of reach
ANSWERS = {
    "credentials": ("photo-store-denied", 60),  # somebody has to mend it
    "not-configured": ("photo-store-denied", 60),
    "changed": ("photo-changed", 1),
    "too-large": ("photo-changed", 1),
}
URI = re.compile(r"s3://([^/]+)/(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Seen:
    """What intake saw: all of an object (``content``) or enough of its beginning (``measured``)."""

    found: S3Object
    size: int
    content: Content | None
    measured: Measured | None


def parse(uri: str, buckets: Collection[str]) -> tuple[str, str]:
    """Bucket and key of ``s3://bucket/key``. Raises PydanticCustomError for all that is not allowed; asks nobody."""
    found = URI.fullmatch(uri)
    if found is None or "\0" in uri:
        raise refused("photo_uri", '"s3" must have the form s3://bucket/key; no other address is fetched')
    bucket, key = found.groups()
    if bucket not in buckets:
        raise refused("photo_bucket", f"the bucket {bucket[:63]!r} is not one that this stage allows")
    if len(key.encode()) > MAX_KEY:
        raise refused("photo_uri", f"the key has over {MAX_KEY} bytes, which no object has")
    return bucket, key


def look(bucket: str, key: str, policy: PhotoPolicy) -> Seen:
    """See what an object is.

    Raises PydanticCustomError (422) for what is of no use, Unavailable when S3 does not answer.
    """
    assert policy.objects is not None
    try:
        found, total, data = policy.objects.begin(bucket, key, BEGINNING, policy.until)
        if total > policy.max_bytes:
            raise refused("photo_bytes", f"the photo has {total} bytes; the limit is {policy.max_bytes}")
        measured = measure(data, policy.max_pixels) if len(data) < total else None
        if measured:
            return Seen(found, total, None, measured)
        rest = policy.objects.stream(found, len(data), policy.until) if len(data) < total else ()
        return Seen(found, total, collect(chain([data], rest), total), None)
    except ObjectError as error:
        _refuse(error)


def collect(chunks: Iterable[bytes], total: int) -> Content:
    """All of an object of ``total`` bytes, hashed as it comes. Raises ObjectError when there are more or fewer."""
    digest, parts, size = hashlib.sha256(), list[bytes](), 0
    for chunk in chunks:
        size += len(chunk)
        if size > total:
            raise ObjectError("too-large")
        digest.update(chunk)
        parts.append(chunk)
    if size < total:
        raise ObjectError("unreachable", "the content was cut off")
    return Content(b"".join(parts), digest.hexdigest())


def unavailable(error: ObjectError) -> Unavailable:
    """The 503 for an object store that does not do its part, which is logged.

    Access that is denied counts among it: the stage allowed the bucket, so it is the stage's role that lacks a right.
    A 422 would tell the caller that the photo is bad.
    """
    code, seconds = ANSWERS.get(error.reason, ("photo-store-unavailable", 5))
    level = logging.ERROR if code == "photo-store-denied" else logging.WARNING
    log.log(level, "photos in S3: %s: %s", error.reason, error)
    detail = f"a photo in S3 cannot be read or written now ({error.reason}); nothing was decided, ask again"
    return Unavailable(detail, code=code, retry_after=seconds)


def _refuse(error: ObjectError) -> NoReturn:
    if error.reason in ("missing", "unreadable"):
        raise refused("photo_object", str(error)) from None
    raise unavailable(error) from None


class Remote:
    """The content of a photo in S3: whoever asks first downloads it, for all; a failure is not kept."""

    def __init__(self, seen: Seen, policy: PhotoPolicy) -> None:
        self._seen, self._policy = seen, policy
        self._asking, self._decoding = Lock(), Lock()
        self._download: Future[Content] | None = None
        self._picture: Any = None

    @property
    def data(self) -> bytes:
        return self._content().data

    @property
    def sha256(self) -> str:
        return self._content().sha256

    def rgb(self) -> Any:
        with self._decoding:
            if self._picture is None:
                self._picture = self._decoded()
            return self._picture

    def _content(self) -> Content:
        with self._asking:
            download = self._download
            first = download is None or (download.done() and download.exception() is not None)
            if first:
                download = self._download = Future()
        assert download is not None
        if first:
            try:
                download.set_result(self._read())
            except BaseException as error:
                download.set_exception(error)
        return download.result()

    def _read(self) -> Content:
        assert self._policy.objects is not None
        try:
            chunks = self._policy.objects.stream(self._seen.found, 0, self._policy.until)
            return collect(chunks, self._seen.size)
        except ObjectError as error:
            reason = "changed" if error.reason in ("missing", "too-large") else error.reason
            code = reason if reason in PROVIDER_CODES else "refused"
            message = f"the photo cannot be read from S3: {ObjectError(reason) if reason != error.reason else error}"
            raise PhotoError(message, code=code) from None

    def _decoded(self) -> Any:
        try:
            decoded = decode(self.data, self._policy.max_pixels)
        except PydanticCustomError as error:
            raise PhotoError(f"the photo in S3: {error.message()}", code="refused") from None
        if self._seen.measured != Measured(decoded.format, decoded.size):
            raise PhotoError("the photo in S3: its content is not what its beginning says", code="refused")
        return flatten(decoded.picture) if decoded.picture.mode != "RGB" else decoded.picture
