"""A photo in a request: checked when it arrives, recorded by digest, never stored.

A photo has two lives. Live, it carries its bytes, which tasks may read. Recorded, it is its
digest, format and size, which is all that logic may depend on, so a replay sees what was seen.
Plain steps get the recorded form even in a live decision.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from chalicelib.decode import FORMATS, decode, flatten, refused

RECORD_FIELDS = ("digest", "format", "size", "width", "height")


@dataclass(frozen=True, slots=True)
class PhotoPolicy:
    """What photos are accepted: limits before decoding, and where samples lie (None: refused)."""

    max_bytes: int = 10 * 1024 * 1024
    max_pixels: int = 25_000_000  # a decoded pixel takes 3 or 4 bytes
    samples: Path | None = None


def find_samples() -> Path | None:
    """``usecases/samples`` here or in a parent folder: where a notebook's samples lie."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / "usecases" / "samples").is_dir():
            return folder / "usecases" / "samples"
    return None


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture: ``digest`` (``sha256:…``), ``format`` (jpeg, png, webp), ``size`` in bytes,
    ``width`` and ``height`` in pixels as displayed (EXIF orientation applied).

    In tasks, :meth:`read` gives the bytes and :meth:`image` the decoded picture.
    """

    digest: str
    format: str
    size: int
    width: int
    height: int
    _pixels: _Pixels | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_bytes(cls, data: bytes, policy: PhotoPolicy | None = None) -> Photo:
        """Check and describe an encoded picture. Raises PydanticCustomError when it is refused."""
        policy = policy or PhotoPolicy()
        if len(data) > policy.max_bytes:
            raise refused("photo_bytes", f"the photo has {len(data)} bytes; the limit is {policy.max_bytes}")
        image = decode(data, policy.max_pixels)
        width, height = image.size
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        return cls(digest, FORMATS[image.format_name], len(data), width, height, _Pixels(data, image.picture))

    @classmethod
    def open(cls, path: str | Path) -> Photo:
        """A photo from a file, for notebooks and tests."""
        return cls.from_bytes(Path(path).read_bytes())

    @classmethod
    def sample(cls, name: str) -> Photo:
        """A photo from ``usecases/samples``, for notebooks and tests."""
        return _sample(name, PhotoPolicy(samples=find_samples()))

    def read(self) -> bytes:
        """The encoded bytes. Raises RuntimeError outside a task, where there are none."""
        return self._live().data

    def image(self) -> Any:
        """The decoded picture: a ``PIL.Image`` in RGB, orientation applied. Do not change it."""
        return self._live().rgb()

    def recorded(self) -> dict[str, Any]:
        """The form that is stored and that plain steps see."""
        return {name: getattr(self, name) for name in RECORD_FIELDS}

    def _live(self) -> _Pixels:
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
        return RECORD_SCHEMA if handler.mode == "serialization" else WIRE_SCHEMA


class _Pixels:
    """The bytes of a live photo and, decoded at most once, its picture."""

    def __init__(self, data: bytes, picture: Any) -> None:
        self.data, self._picture, self._lock = data, picture, Lock()

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
        raise refused("photo_source", 'give an object with exactly one of "base64", "sample"')
    ((source, content),) = value.items()
    if source not in SOURCES:
        raise refused("photo_source", f'"{source}" is no source of a photo here; use one of "base64", "sample"')
    if not isinstance(content, str):
        raise refused("photo_source", f'"{source}" must be a string')
    return SOURCES[source](content, policy)


def _from_record(value: Any) -> Photo:
    if not isinstance(value, dict) or value.keys() != set(RECORD_FIELDS):
        raise refused("photo_record", "not a recorded photo")
    return Photo(**value)


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
    raise refused("photo_source", '"s3" is refused: this stage allows no bucket')


SOURCES = {"base64": _base64, "sample": _sample, "s3": _s3}


def _one_of(name: str, **schema: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", **schema}},
        "required": [name],
        "additionalProperties": False,
    }


WIRE_SCHEMA: dict[str, Any] = {
    "title": "Photo",
    "description": "A picture (JPEG, PNG or WebP; the content decides), from exactly one source.",
    "oneOf": [
        _one_of("base64", contentEncoding="base64", description="the encoded picture, at most 10 MB decoded"),
        _one_of("sample", description="a file of usecases/samples; local stage only"),
    ],
}
RECORD_SCHEMA: dict[str, Any] = {
    "title": "RecordedPhoto",
    "type": "object",
    "properties": {
        "digest": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
        "format": {"enum": sorted(FORMATS.values())},
        "size": {"type": "integer", "description": "bytes"},
        "width": {"type": "integer", "description": "pixels, as displayed"},
        "height": {"type": "integer", "description": "pixels, as displayed"},
    },
    "required": sorted(RECORD_FIELDS),
}
