"""The provider `http`, set up for the emulated servers."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from chalicelib.errors import ProviderError
from chalicelib.photo import Photo
from chalicelib.providers.http import Http

LINEAR = {"inputs": [{"name": "input-0", "columns": ["age", "visits"]}]}
CAPABILITIES = ("moderation", "faces", "text", "labels", "embedding")


def small_photo() -> Photo:
    """A PNG of 8 by 8 pixels."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 100, 50)).save(file, "PNG")
    return Photo.from_bytes(file.getvalue())


def provider(url: str, **settings: Any) -> Http:
    plain = {"url": f"{url}/plain/models/linear"}
    linear = {"url": url, "protocol": "kserve_v2", "tensors": LINEAR}
    capabilities = {
        name: {"url": f"{url}/plain/{name}"} for name in ("moderation", "faces", "text", "labels", "embedding")
    }
    return Http({"models": {"plain": plain, "linear": linear}, **capabilities, **settings})


def of_kserve(url: str, tensors: dict[str, Any], **model: Any) -> Http:
    return Http({"models": {"m": {"url": url, "protocol": "kserve_v2", "tensors": tensors, **model}}})


def failure(call: Callable[[], Any]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()
    assert type(caught.value) is ProviderError  # who is shown its class need not wonder what it means
    return caught.value
