"""Asking Google Vision's provider: photos, answers as Vision gives them, and failures as values."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import Any

from PIL import Image

from chalicelib.asking import Asking
from chalicelib.errors import ProviderError
from chalicelib.photo import Photo

SAMPLES = Path(__file__).parents[2] / "usecases" / "samples"
SAFE = {"adult": 1, "racy": 2, "violence": 1, "spoof": 1, "medical": 5}
EVERYTHING = {
    "safe_search_annotation": SAFE,
    "face_annotations": [
        {"fd_bounding_poly": {"vertices": [{"x": 10, "y": 20}, {"x": 60, "y": 80}]}, "detection_confidence": 0.9}
    ],
    "full_text_annotation": {"pages": [{"confidence": 0.9, "blocks": [{"paragraphs": [{"words": []}]}]}]},
    "label_annotations": [{"description": "Dog", "score": 0.8}],
}


def sample(name: str = "portrait.jpg") -> Photo:
    return Photo.open(SAMPLES / name)


def blank(width: int = 100, height: int = 200, color: int = 0) -> Photo:
    data = io.BytesIO()
    Image.new("L", (width, height), color).save(data, "PNG")
    return Photo.from_bytes(data.getvalue())


def within(seconds: float, company: int = 1) -> Asking:
    return Asking(until=perf_counter() + seconds, company=lambda: company)


def failure(ask: Callable[[], Any]) -> ProviderError:
    try:
        answer = ask()
    except ProviderError as error:
        return error
    raise AssertionError(f"answered: {answer}")


def at_once(asks: Sequence[Callable[[], Any]], apart: float = 0.0) -> list[Any]:
    """What each returned or raised, asked from a thread each, started ``apart`` seconds after one another."""
    results: list[Any] = [None] * len(asks)

    def run(place: int) -> None:
        try:
            results[place] = asks[place]()
        except Exception as error:
            results[place] = error

    threads = [Thread(target=run, args=(place,)) for place in range(len(asks))]
    for thread in threads:
        thread.start()
        thread.join(apart or 0.0001)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return results


def page(*lines: Sequence[tuple[str, float]], after: int = 5, **usual: float) -> dict[str, Any]:
    """A ``full_text_annotation`` of one paragraph: each line's words, with their confidence."""
    words = []
    for line in lines:
        for place, (word, confidence) in enumerate(line, 1):
            symbols: list[dict[str, Any]] = [{"text": sign} for sign in word]
            symbols[-1]["property"] = {"detected_break": {"type_": after if place == len(line) else 1}}
            words.append({"symbols": symbols, "confidence": confidence})
    return {"pages": [{"blocks": [{"paragraphs": [{"words": words}]}], **usual}]}
