"""What the first bytes of a picture tell of it, before anything is decoded."""

from __future__ import annotations

import io
import random
from typing import Any

import pytest
from PIL import Image
from pydantic_core import PydanticCustomError

from chalicelib.decode import decode, measure
from chalicelib.photo import Photo
from chalicelib.remote import BEGINNING

PIXELS = 25_000_000
TURNED = 6  # EXIF orientation: to be shown turned by 90 degrees
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def noise(kind: str, size: tuple[int, int] = (500, 400), **options: Any) -> bytes:
    """A picture that no format makes small."""
    picture = Image.frombytes("RGB", size, random.Random(1).randbytes(size[0] * size[1] * 3))
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int, filler: int = 0) -> bytes:
    data = Image.Exif()
    data[0x0112] = orientation
    if filler:
        data[0x010E] = "x" * filler
    return data.tobytes()


LARGE = {
    "a JPEG": noise("JPEG", quality=95),
    "a turned JPEG": noise("JPEG", quality=95, exif=exif(TURNED)),
    "a JPEG turned by XMP": noise("JPEG", quality=95, xmp=XMP),
    "an upright JPEG with much EXIF": noise("JPEG", quality=95, exif=exif(1, 60_000)),
    "a progressive JPEG": noise("JPEG", quality=95, progressive=True, exif=exif(8, 60_000)),
    "a JPEG with a colour profile": noise("JPEG", quality=95, icc_profile=bytes(50_000), exif=exif(3)),
    "a JPEG of several pictures": noise("MPO", quality=95, save_all=True, append_images=[Image.new("RGB", (9, 9))]),
    "a PNG": noise("PNG"),
    "a turned PNG": noise("PNG", exif=exif(TURNED)),
}


@pytest.mark.parametrize("what", LARGE)
def test_the_beginning_tells_what_decoding_finds(what: str) -> None:
    data = LARGE[what]
    assert len(data) > BEGINNING
    decoded = decode(data, PIXELS)
    assert measure(data[:BEGINNING], PIXELS) == (decoded.format, decoded.size)


def test_a_turned_picture_has_its_displayed_size() -> None:
    assert measure(LARGE["a turned JPEG"][:BEGINNING], PIXELS) == ("jpeg", (400, 500))


@pytest.mark.parametrize(
    "data",
    [
        noise("JPEG", icc_profile=bytes(300_000))[:BEGINNING],  # its size comes after the profile
        noise("WEBP", quality=95, exif=exif(TURNED))[:BEGINNING],  # its orientation comes at the end
        noise("PNG")[:20],
        noise("JPEG")[:3],
    ],
    ids=["a JPEG with a very large profile", "a WebP", "half a PNG header", "three bytes of a JPEG"],
)
def test_a_beginning_that_does_not_tell_says_so(data: bytes) -> None:
    assert measure(data, PIXELS) is None


@pytest.mark.parametrize("data", [b"", b"GIF89a" + bytes(500), b"%PDF-1.7", b"RIFF\0\0\0\0WAVE", b"\xff\xd8\0\0"])
def test_what_is_no_picture_is_refused_from_its_beginning(data: bytes) -> None:
    with pytest.raises(PydanticCustomError, match="not a JPEG, PNG or WebP"):
        measure(data, PIXELS)


def test_too_many_pixels_are_refused_from_the_beginning() -> None:
    with pytest.raises(PydanticCustomError, match="500 x 400 pixels; the limit is 1000"):
        measure(LARGE["a PNG"][:BEGINNING], 1000)


def test_a_phones_jpeg_of_several_pictures_is_a_jpeg() -> None:
    photo = Photo.from_bytes(LARGE["a JPEG of several pictures"])
    assert (photo.format, photo.width, photo.image().size) == ("jpeg", 500, (500, 400))
