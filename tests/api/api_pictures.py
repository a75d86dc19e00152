"""Pictures, good and hostile, made in a few bytes."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

from PIL import Image


def encoded(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    """A picture that is not one flat colour, as ``kind``: JPEG, PNG, WEBP, GIF, BMP, TIFF."""
    picture = Image.linear_gradient("L").resize(size).convert(mode)
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def png(width: int, height: int, rows: bytes = b"\0\0\0\0", extra: bytes = b"") -> bytes:
    """A PNG whose header says this size, whatever its compressed ``rows`` hold."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + extra + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def bomb(side: int) -> bytes:
    """A valid, black PNG of ``side`` x ``side`` pixels: kilobytes that unpack to a lot."""
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG", optimize=False, compress_level=9)
    return file.getvalue()


def text_bomb(megabytes: int) -> bytes:
    """A PNG with a compressed text chunk that unpacks to ``megabytes``."""
    text = b"comment\0\0" + zlib.compress(bytes(megabytes << 20), 9)
    return png(1, 1, extra=_chunk(b"zTXt", text))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def photo(data: bytes) -> dict[str, str]:
    """The wire form of a photo."""
    return {"base64": base64.b64encode(data).decode()}


def asking(value: Any, user: str = "u-1") -> dict[str, Any]:
    return {"user_id": user, "photo": value}
