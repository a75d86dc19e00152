"""A photo in JSON Schema: as callers send it, and as it is recorded."""

from __future__ import annotations

from typing import Any

from chalicelib.decode import FORMATS


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
        _one_of(
            "s3",
            pattern="^s3://[^/]+/.+",
            description="an object, as s3://bucket/key with nothing escaped, in a bucket that the stage allows",
        ),
        _one_of("sample", description="a file of usecases/samples; local stage only"),
    ],
}
RECORD_SCHEMA: dict[str, Any] = {
    "title": "RecordedPhoto",
    "type": "object",
    "properties": {
        "digest": {
            "type": "string",
            "pattern": "^(sha256|s3-version|s3-etag):[0-9a-f]{64}$",
            "description": "of the bytes or, where they were not read, of where they lie and in which state",
        },
        "format": {"enum": sorted(FORMATS.values())},
        "size": {"type": "integer", "description": "bytes"},
        "width": {"type": "integer", "description": "pixels, as displayed"},
        "height": {"type": "integer", "description": "pixels, as displayed"},
        "s3": {
            "type": "object",
            "description": "where it lies; photos in S3 only",
            "properties": {"uri": {"type": "string"}, "version": {"type": "string"}, "etag": {"type": "string"}},
            "required": ["uri"],
        },
    },
    "required": ["digest", "format", "height", "size", "width"],
}
