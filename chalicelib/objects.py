"""An object store: an object in one state, what can be asked, and why there is no answer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from chalicelib.errors import PROVIDER_CODES, ArtemisError
from chalicelib.facts import canonical

# Why an object store does not give what it was asked for, where no code of ProviderError says it -> for people.
REASONS = {
    "missing": "there is no such object",
    "changed": "the object changed, or was removed, after the request had come",
    "unreadable": "S3 does not hand this object out: archived, encrypted with a key of its own, or an impossible key",
    "too-large": "the object is larger than it was said to be",
}


FOLDER = ""  # the bucket of what lies in a folder beside an embedded database


class ObjectError(ArtemisError):
    """An object store does not give what it was asked for. ``reason``: of REASONS or PROVIDER_CODES."""

    def __init__(self, reason: str, said: str = "") -> None:
        self.reason = reason
        super().__init__(REASONS.get(reason) or f"{PROVIDER_CODES[reason]}{said and f' ({said})'}")


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object in one state: its ``version``, or its ``etag`` (without quotes) where the bucket keeps no versions."""

    bucket: str
    key: str
    version: str | None = None
    etag: str | None = None

    @property
    def uri(self) -> str:
        """``s3://bucket/key``, or ``file:key`` of the folder; the key as it is: nothing in it is escaped."""
        return f"s3://{self.bucket}/{self.key}" if self.bucket else f"file:{self.key}"

    @property
    def digest(self) -> str:
        """The identity of what was not read; the key does not show in it."""
        kind, state = ("version", self.version) if self.version else ("etag", self.etag)
        return f"s3-{kind}:" + hashlib.sha256(canonical([self.bucket, self.key, state]).encode()).hexdigest()

    def recorded(self) -> dict[str, str | None]:
        """What is stored, so that the object can be found, and erased, later."""
        return {"uri": self.uri, **({"version": self.version} if self.version else {"etag": self.etag})}

    @classmethod
    def from_record(cls, record: dict[str, str]) -> S3Object:
        """The object of :meth:`recorded`."""
        scheme, _, place = record["uri"].partition(":")
        bucket, _, key = place.removeprefix("//").partition("/") if scheme == "s3" else (FOLDER, "", place)
        return cls(bucket, key, record.get("version"), record.get("etag"))


class Beginning(NamedTuple):
    """The first bytes of an object, and how many there are in all."""

    found: S3Object
    total: int
    data: bytes


class Objects(Protocol):
    """An object store. Everything raises ObjectError, and ends by ``until`` (on the performance counter)."""

    def begin(self, bucket: str, key: str, size: int, until: float) -> Beginning:
        """The object as it is now, with its first ``size`` bytes."""

    def stream(self, found: S3Object, start: int, until: float) -> Iterator[bytes]:
        """The bytes from ``start`` on of the object in that state."""

    def write(self, bucket: str, key: str, data: bytes, media_type: str, until: float) -> S3Object:
        """Put ``data`` there. The key is made of its content, so what lies there already is left alone."""

    def delete(self, found: S3Object, until: float) -> bool:
        """Remove the object in that state; whether it was there. ``changed``: something else lies there by now."""
