"""Decoding a picture that a stranger sent: its limits are checked before it costs anything."""

from __future__ import annotations

import io
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

FORMATS = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}  # Pillow's name -> ours
# A phone's JPEG may carry more pictures (a depth map, a preview); it shows the first. Pillow calls that another format.
NAMES = FORMATS | {"MPO": "jpeg"}
# What Pillow takes a picture for from its first bytes. A WebP's size is there too, but its orientation is at the end.
TOLD_EARLY = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
# Each scan of a progressive JPEG goes over the whole picture: a small file could take hours. Encoders make ten.
SCAN, MAX_SCANS = b"\xff\xda", 100
_decoding = BoundedSemaphore(2)  # pictures decoded at once: their pixels are most of the memory a request takes


class Content(NamedTuple):
    """Bytes, and their SHA-256 in hex digits."""

    data: bytes
    sha256: str


def flatten(picture: Any) -> Any:
    """RGB, transparent parts over white, as a browser shows them."""
    from PIL import Image

    if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
        return picture.convert("RGB")
    with _decoding:
        picture = picture.convert("RGBA")
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A"))
    return flat


class Measured(NamedTuple):
    """A picture's format (jpeg, png, webp) and its size in pixels as displayed."""

    format: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as displayed, and its format (jpeg, png, webp)."""

    picture: Any
    format: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        size: tuple[int, int] = self.picture.size
        return size


def decode(data: bytes, max_pixels: int) -> Decoded:
    """Decode fully; content decides the format. The pixel limit is read from the header first."""
    from PIL import ImageOps

    if data.startswith(b"\xff\xd8") and data.count(SCAN) > MAX_SCANS:
        raise refused("photo_decode", f"the picture has over {MAX_SCANS} scans")
    picture = _open(data, max_pixels)
    try:
        with _decoding:
            picture.load()
            format_name = NAMES[picture.format]
            ImageOps.exif_transpose(picture, in_place=True)
    except Exception as error:
        raise refused("photo_decode", f"the picture is cut off or damaged ({type(error).__name__})") from None
    return Decoded(picture, format_name)


def measure(beginning: bytes, max_pixels: int) -> Measured | None:
    """What the first bytes of a picture tell of it; None when that takes more of them. Decodes nothing.

    Raises PydanticCustomError when they tell that it is no picture, or one of too many pixels.
    """
    if not beginning.startswith(TOLD_EARLY):
        if beginning[:4] + beginning[8:12] == b"RIFFWEBP":
            return None
        raise refused("photo_format", "not a JPEG, PNG or WebP picture")
    try:
        picture = _open(beginning, max_pixels)
    except PydanticCustomError as error:
        if error.type == "photo_pixels":
            raise
        return None
    return _as_displayed(picture)


def _as_displayed(picture: Any) -> Measured | None:
    """Format and size, turned as ImageOps.exif_transpose would turn it."""
    from PIL import ExifTags, Image

    try:
        exif = Image.Image.getexif(picture)  # a PNG's own would decode the picture to look behind it
        turned = exif.get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except Exception:  # Pillow raises many kinds on hostile EXIF; decoding it says what is wrong
        return None
    width, height = picture.size
    return Measured(NAMES[picture.format], (height, width) if turned else (width, height))


def _open(data: bytes, max_pixels: int) -> Any:
    """A picture that is not decoded yet. Raises PydanticCustomError."""
    from PIL import Image, UnidentifiedImageError

    try:
        picture: Any = Image.open(io.BytesIO(data), formats=list(FORMATS))
    except UnidentifiedImageError:
        raise refused("photo_format", "not a JPEG, PNG or WebP picture") from None
    except Image.DecompressionBombError:
        raise refused("photo_pixels", f"the photo has too many pixels; the limit is {max_pixels} in all") from None
    except Exception as error:  # Pillow raises many kinds on hostile headers
        raise refused("photo_decode", f"the picture cannot be decoded ({type(error).__name__})") from None
    width, height = picture.size
    if width * height > max_pixels:
        raise refused("photo_pixels", f"the photo has {width} x {height} pixels; the limit is {max_pixels} in all")
    return picture


def refused(kind: str, message: str) -> PydanticCustomError:
    """The 422 for a photo, to be raised in a validator."""
    return PydanticCustomError(kind, message)
