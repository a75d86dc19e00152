"""Decoding a picture that a stranger sent: its limits are checked before it costs anything."""

from __future__ import annotations

import io
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from pydantic_core import PydanticCustomError

FORMATS = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp"}  # Pillow's name -> ours
# Each scan of a progressive JPEG goes over the whole picture: a small file could take hours. Encoders make ten.
SCAN, MAX_SCANS = b"\xff\xda", 100
_decoding = BoundedSemaphore(2)  # pictures decoded at once: their pixels are most of the memory a request takes


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


@dataclass(frozen=True, slots=True)
class Decoded:
    picture: Any
    format_name: str
    size: tuple[int, int]


def decode(data: bytes, max_pixels: int) -> Decoded:
    """Decode fully; content decides the format. The pixel limit is read from the header first."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if data.startswith(b"\xff\xd8") and data.count(SCAN) > MAX_SCANS:
        raise refused("photo_decode", f"the picture has over {MAX_SCANS} scans")
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
    try:
        with _decoding:
            picture.load()
            format_name = picture.format
            ImageOps.exif_transpose(picture, in_place=True)
    except Exception as error:
        raise refused("photo_decode", f"the picture is cut off or damaged ({type(error).__name__})") from None
    return Decoded(picture, str(format_name), picture.size)


def refused(kind: str, message: str) -> PydanticCustomError:
    return PydanticCustomError(kind, message)
