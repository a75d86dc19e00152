"""A photo in a request: checked when it arrives, recorded by digest, its bytes in no table.

A photo has two lives. Live, its bytes are at hand, which tasks may read: they were sent, or lie in
S3 (``chalicelib.remote``). Recorded, it is its digest, format and size, which is all that logic may
depend on, so a replay sees what was seen, and where in S3 it lies, if it does, so that it can be
erased there. Plain steps get the recorded form even in a live decision.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from chalicelib.decode import Content, decode, flatten, refused
from chalicelib.folders import find_folder

if TYPE_CHECKING:  # what S3 needs is loaded for the first photo that lies there
    from chalicelib.objects import Objects, S3Object
    from chalicelib.remote import Remote

RECORD_FIELDS = ("digest", "format", "size", "width", "height")
RECORD = frozenset(RECORD_FIELDS)


@dataclass(frozen=True, slots=True)
class Upload:
    """Where the service puts photos that were sent in the request and have over ``above`` bytes."""

    bucket: str
    above: int = 1_000_000
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class PhotoPolicy:
    """What photos are accepted, and what is done with them.

    Args:
        max_pixels: a decoded pixel takes 3 or 4 bytes.
        samples: where samples lie; None: they are refused.
        buckets: those that photos may lie in.
        objects: who reads and writes buckets.
        until: when the request's time is over, on the performance counter.
    """

    max_bytes: int = 10 * 1024 * 1024
    max_pixels: int = 25_000_000
    samples: Path | None = None
    buckets: tuple[str, ...] = ()
    upload: Upload | None = None
    objects: Objects | None = field(default=None, repr=False)
    until: float = math.inf

    def ending(self, until: float) -> PhotoPolicy:
        """The same for one request, whose time is over then."""
        return self if self.objects is None else replace(self, until=until)


def find_samples() -> Path | None:
    """Where a notebook's samples lie."""
    return find_folder("usecases/samples")


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture: ``digest``, ``format`` (jpeg, png, webp), ``size`` in bytes, ``width`` and ``height`` in pixels as
    displayed (EXIF orientation applied), ``s3``: where it lies in S3, or None.

    The digest is that of the bytes (``sha256:…``), or of where they lie and in which state (``s3-version:…``,
    ``s3-etag:…``) when they were not read.

    In tasks, :meth:`read` gives the bytes and :meth:`image` the decoded picture.
    """

    digest: str
    format: str
    size: int
    width: int
    height: int
    s3: S3Object | None = field(default=None, repr=False, compare=False)
    _pixels: _Pixels | Remote | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_bytes(cls, data: bytes, policy: PhotoPolicy | None = None) -> Photo:
        """Check and describe an encoded picture. Raises PydanticCustomError when it is refused."""
        policy = policy or PhotoPolicy()
        if len(data) > policy.max_bytes:
            raise refused("photo_bytes", f"the photo has {len(data)} bytes; the limit is {policy.max_bytes}")
        return cls._whole(Content(data, hashlib.sha256(data).hexdigest()), policy)

    @classmethod
    def _whole(cls, content: Content, policy: PhotoPolicy, s3: S3Object | None = None) -> Photo:
        image = decode(content.data, policy.max_pixels)
        digest, pixels = f"sha256:{content.sha256}", _Pixels(content, image.picture)
        return cls(digest, image.format, len(content.data), *image.size, s3, pixels)

    @classmethod
    def open(cls, path: str | Path) -> Photo:
        """A photo from a file, for notebooks and tests."""
        return cls.from_bytes(Path(path).read_bytes())

    @classmethod
    def sample(cls, name: str) -> Photo:
        """A photo from ``usecases/samples``, for notebooks and tests."""
        return _sample(name, PhotoPolicy(samples=find_samples()))

    def read(self) -> bytes:
        """The encoded bytes. Raises RuntimeError outside a task, where there are none.

        Of a photo in S3 they are downloaded once: by the first to ask, who may get a PhotoError.
        """
        return self._live().data

    def image(self) -> Any:
        """The decoded picture: a ``PIL.Image`` in RGB, orientation applied. Do not change it."""
        return self._live().rgb()

    def sha256(self) -> str:
        """The SHA-256 of the bytes in hex digits, computed while they came. Raises what :meth:`read` raises."""
        return self._live().sha256

    def recorded(self) -> dict[str, Any]:
        """The form that is stored and that plain steps see."""
        record = {name: getattr(self, name) for name in RECORD_FIELDS}
        return record if self.s3 is None else {**record, "s3": self.s3.recorded()}

    def lies_at(self, s3: S3Object) -> None:
        """Note where it was put. For intake, before anybody else has the photo."""
        object.__setattr__(self, "s3", s3)

    def _live(self) -> _Pixels | Remote:
        if self._pixels is None:
            raise RuntimeError("a photo's bytes are readable in tasks only: decorate this step with @task")
        return self._pixels

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _validate, serialization=core_schema.plain_serializer_function_ser_schema(cls.recorded)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        from chalicelib.photo_schemas import RECORD_SCHEMA, WIRE_SCHEMA

        return RECORD_SCHEMA if handler.mode == "serialization" else WIRE_SCHEMA


class _Pixels:
    """The bytes of a live photo and, decoded at most once, its picture."""

    def __init__(self, content: Content, picture: Any) -> None:
        self.data, self.sha256 = content
        self._picture, self._lock = picture, Lock()

    def rgb(self) -> Any:
        with self._lock:
            if self._picture.mode != "RGB":
                self._picture = flatten(self._picture)
            return self._picture


def _validate(value: Any, info: ValidationInfo) -> Photo:
    """A Photo from its wire form, or from its recorded form where the context says so."""
    if isinstance(value, Photo):
        return value
    context = info.context
    if context == "recorded":
        return _from_record(value)
    policy = context if isinstance(context, PhotoPolicy) else PhotoPolicy(samples=find_samples())
    if not isinstance(value, dict) or len(value) != 1:
        raise refused("photo_source", f"give an object with exactly one of {_named(policy)}")
    ((source, content),) = value.items()
    if source not in SOURCES:
        raise refused("photo_source", f'"{source}" is no source of a photo here; use one of {_named(policy)}')
    if not isinstance(content, str):
        raise refused("photo_source", f'"{source}" must be a string')
    return SOURCES[source](content, policy)


def _from_record(value: Any) -> Photo:
    if not isinstance(value, dict) or (value.keys() != RECORD and value.keys() - {"s3"} != RECORD):
        raise refused("photo_record", "not a recorded photo")
    if value.get("s3") is None:
        return Photo(**value)
    from chalicelib.objects import S3Object

    return Photo(**{**value, "s3": S3Object.from_record(value["s3"])})


def _base64(content: str, policy: PhotoPolicy) -> Photo:
    if len(content) // 4 * 3 > policy.max_bytes + 2:
        raise refused("photo_bytes", f"the photo has over {policy.max_bytes} bytes, which is the limit")
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise refused("photo_base64", "not base64 (RFC 4648, with padding)") from None
    return Photo.from_bytes(data, policy)


def _sample(name: str, policy: PhotoPolicy) -> Photo:
    if policy.samples is None:
        raise refused("photo_source", '"sample" works on the local stage only')
    try:
        if Path(name).name != name:
            raise FileNotFoundError(name)
        data = (policy.samples / name).read_bytes()
    except (OSError, ValueError):  # not there, a folder, a name no file can have
        raise refused("photo_sample", f"no sample is named {name[:100]!r}; see usecases/samples") from None
    return Photo.from_bytes(data, policy)


def _s3(content: str, policy: PhotoPolicy) -> Photo:
    if policy.objects is None or not policy.buckets:
        raise refused("photo_source", '"s3" is refused: this stage allows no bucket')
    from chalicelib.remote import Remote, look, parse

    seen = look(*parse(content, policy.buckets), policy)
    if seen.content:
        return Photo._whole(seen.content, policy, seen.found)
    assert seen.measured
    kind, (width, height) = seen.measured
    return Photo(seen.found.digest, kind, seen.size, width, height, seen.found, Remote(seen, policy))


SOURCES = {"base64": _base64, "s3": _s3, "sample": _sample}


def _named(policy: PhotoPolicy) -> str:
    """The sources that are accepted here, for messages."""
    here = {"base64": True, "s3": bool(policy.buckets), "sample": policy.samples is not None}
    return ", ".join(f'"{name}"' for name in SOURCES if here[name])
