"""Comparing a cell's outputs with those that are saved, as nbval does, but as data; and pictures, too."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from typing import Any

PICTURES = ("image/png", "image/jpeg")
TOLERANCE = 0.02  # mean difference of the pixels, 0 to 1; fonts and their smoothing stay below
SIDE = 64  # pixels that pictures are compared at
STRETCH = 0.05  # how far width and height may differ: labels take the room that their font needs


def differences(
    saved: Iterable[Any], now: Iterable[Any], sanitize: Callable[[Any], Any], skipped: Iterable[str]
) -> list[dict[str, Any]]:
    """What differs: ``key`` (stream or MIME type), ``expected``, ``actual``, and whether it is a picture."""
    left, right = _by_key(saved, sanitize), _by_key(now, sanitize)
    ignored = set(skipped) - set(PICTURES)
    found = []
    for key in [*left, *(key for key in right if key not in left)]:
        old, new = left.get(key, []), right.get(key, [])
        if key in ignored or old == new:
            continue
        if key not in PICTURES:
            found.append({"key": key, "expected": _joined(old), "actual": _joined(new), "picture": False})
        elif told := _pictures(old, new):
            found.append({"key": key, "expected": told[0], "actual": told[1], "picture": True})
    return found


def _by_key(outputs: Iterable[Any], sanitize: Callable[[Any], Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for output in outputs:
        for key, value in _parts(output):
            found.setdefault(key, []).append(value if key in PICTURES else sanitize(value))
    return found


def _parts(output: Any) -> list[tuple[str, Any]]:
    if output["output_type"] == "stream":
        return [(output["name"], output["text"])]
    plain = [(key, value) for key, value in output.items() if key != "data"]
    return plain + list(output.get("data", {}).items())


def _joined(values: list[Any]) -> str:
    return "\n".join(str(value) for value in values) if values else "(nothing)"


def _pictures(old: list[str], new: list[str]) -> tuple[str, str] | None:
    """How two rows of pictures differ in words; None when they look the same."""
    if len(old) != len(new):
        return f"{len(old)} picture(s)", f"{len(new)} picture(s)"
    for one, other in zip(old, new, strict=True):
        if one.strip() != other.strip() and (told := _picture(one, other)):
            return told
    return None


def _picture(old: str, new: str) -> tuple[str, str] | None:
    from PIL import Image

    try:
        images = [Image.open(io.BytesIO(base64.b64decode(text))).convert("RGBA") for text in (old, new)]
    except Exception:  # no picture at all; whatever Pillow raises then
        return "a picture", "another, which cannot be compared"
    sizes = [image.size for image in images]
    texts = [f"{width} × {height} pixels" for width, height in sizes]
    if any(abs(a - b) > STRETCH * max(a, b) for a, b in zip(*sizes, strict=True)):
        return texts[0], texts[1]
    small = [image.resize((SIDE, SIDE), Image.Resampling.BOX).tobytes() for image in images]
    apart = sum(abs(a - b) for a, b in zip(*small, strict=True)) / len(small[0]) / 255
    worst = max(abs(a - b) for a, b in zip(*small, strict=True)) / 255
    if apart <= TOLERANCE and worst <= 0.25:
        return None
    return f"{texts[0]}, the picture saved", f"{texts[1]}, {apart:.1%} of it different"
