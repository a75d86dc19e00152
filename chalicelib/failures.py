"""Exceptions as data: what went wrong in a step, and where in the notebook."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from chalicelib.facts import printable
from chalicelib.graph import Step
from chalicelib.usecase import UseCase

MESSAGE_LIMIT = 500  # characters of an exception's text that are kept


def describe_error(usecase: UseCase, step: Step, error: BaseException) -> dict[str, Any]:
    """An exception as data: its type, text and, where known, notebook, cell and line."""
    place = usecase.place_of(error) or usecase.place_of_step(step)
    described: dict[str, Any] = {
        "error": "failed",
        "type": type(error).__name__,
        "message": _text_of(error),
    }
    return described | (asdict(place) if place else {})


def _text_of(error: BaseException) -> str:
    """What an exception says, as storable text, whatever its ``__str__`` does."""
    try:
        text = str(error)
    except Exception:
        return "it cannot be shown"
    return printable(text[:MESSAGE_LIMIT]).replace("\0", "\\0")


def late(seconds: float) -> dict[str, Any]:
    return {"error": "timeout", "type": "TimeoutError", "message": f"no result after {seconds:.1f} s"}
