"""Pictures and bodies that are small to send and large to take in."""

from __future__ import annotations

import io
import json
import time
import tracemalloc

import pytest
from PIL import Image
from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from chalicelib import intake
from chalicelib.errors import Invalid
from chalicelib.photo import Photo, PhotoPolicy


def progressive(scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    buffer = io.BytesIO()
    Image.new("L", (3000, 3000), 128).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + data[-2:]


def test_a_picture_of_very_many_scans_is_refused_before_it_is_decoded():
    data = progressive(2000)
    began = time.perf_counter()
    with pytest.raises(PydanticCustomError, match="over 100 scans"):
        Photo.from_bytes(data)
    assert time.perf_counter() - began < 1
    assert Photo.from_bytes(progressive(0)).width == 3000


def test_a_see_through_picture_is_flattened_over_white():
    buffer = io.BytesIO()
    Image.new("RGBA", (2, 1), (255, 0, 0, 0)).save(buffer, "PNG")
    assert Photo.from_bytes(buffer.getvalue()).image().getpixel((0, 0)) == (255, 255, 255)


class Request(BaseModel):
    name: str = ""
    numbers: list[float] = []
    note: str | None = None


def read(body: object) -> intake.Intake:
    return intake.read(Request, json.dumps(body), PhotoPolicy())


def test_a_request_of_too_many_values_is_refused_at_once():
    body = json.dumps({f"k{number}": 1 for number in range(600_000)})
    tracemalloc.start()
    with pytest.raises(Invalid) as refused:
        intake.read(Request, body, PhotoPolicy())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "over 500000 values" in refused.value.errors[0]["detail"]
    assert peak < 50_000_000


def test_very_many_mistakes_are_counted_not_listed():
    with pytest.raises(Invalid) as refused:
        read({f"k{number}": 1 for number in range(20_000)})
    assert refused.value.errors == [{"pointer": "", "detail": "20000 problems: too many to list"}]


@pytest.mark.parametrize("name", ["info, Nancy, finance", "x"])
def test_large_requests_are_read_quickly_whatever_their_words(name):
    numbers = [0.5] * 400_000
    began = time.process_time()
    read({"name": name, "numbers": numbers})
    assert time.process_time() - began < 4  # of the processor: other work does not count


def test_a_number_that_is_not_finite_is_found_among_very_many():
    with pytest.raises(Invalid) as refused:
        read({"numbers": [0.5] * 1000 + [float("inf")]})
    assert refused.value.errors == [{"pointer": "/numbers/1000", "detail": "the number is not finite"}]
