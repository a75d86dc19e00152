"""Exceptions as data: what went wrong in a step, and where in the notebook."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from chalicelib.errors import ProviderError, Unavailable
from chalicelib.facts import printable
from chalicelib.graph import Step
from chalicelib.sourcemap import Mapped
from chalicelib.usecase import UseCase

MESSAGE_LIMIT = 500  # characters of an exception's text that are kept


class Described(dict[str, Any]):
    """An exception as data, to be stored.

    ``traceback`` is for the log alone, and ``said``, all that the exception says, for masking what is in it before
    it is cut: they are no items of the dict.
    """

    traceback: Mapped | str | None = None
    said: str = ""


def describe_error(usecase: UseCase, step: Step, error: BaseException) -> dict[str, Any]:
    """An exception as data: its type, text and, where known, notebook, cell and line."""
    place = usecase.place_of(error) or usecase.place_of_step(step)
    by_provider = isinstance(error, ProviderError)
    code = error.code if isinstance(error, ProviderError | Unavailable) else "failed"
    name = ProviderError.__name__ if by_provider else type(error).__name__
    said = _text_of(error)
    described = Described(error=code, type=name, message=storable(said))
    described.said = said
    described.update(asdict(place) if place else {})
    if by_provider and code != "failed":
        return described  # the place says which call it was, the message why; what is below the task is ours
    with suppress(Exception):  # an exception may be so broken that Python cannot take it down
        described.traceback = Mapped(error, usecase.source)
    return described


def traceback_of(described: dict[str, Any]) -> str:
    """The traceback of what was described, on lines of its own; empty where there is none."""
    traceback = getattr(described, "traceback", None)
    try:
        return f"\n{traceback}" if traceback else ""
    except Exception as error:  # whatever an exception's notes are made of: what failed is told all the same
        return f"\n(no traceback: {type(error).__name__})"


def redacted(described: dict[str, Any], mask: Callable[[str], str]) -> dict[str, Any]:
    """The same with its texts masked."""
    masked = Described(described)
    if "message" in described:
        masked["message"] = storable(mask(getattr(described, "said", "") or described["message"]))
    masked.traceback = mask(traceback_of(described)).lstrip("\n")
    return masked


def storable(text: str) -> str:
    """The beginning of a text, as any database takes it."""
    return printable(text[:MESSAGE_LIMIT]).replace("\0", "\\0")


def _text_of(error: BaseException) -> str:
    """What an exception says, whatever its ``__str__`` does."""
    try:
        return str(error)
    except Exception:
        return "it cannot be shown"


def late(seconds: float) -> dict[str, Any]:
    return {"error": "timeout", "type": "TimeoutError", "message": f"no result after {seconds:.1f} s"}
