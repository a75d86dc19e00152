"""Exceptions as data: what went wrong in a step, and where in the notebook."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any

from chalicelib.errors import ProviderError
from chalicelib.facts import printable
from chalicelib.graph import Step
from chalicelib.sourcemap import Mapped
from chalicelib.usecase import UseCase

MESSAGE_LIMIT = 500  # characters of an exception's text that are kept


class Described(dict[str, Any]):
    """An exception as data, to be stored. ``traceback`` is for the log alone: it is no item of the dict."""

    traceback: Mapped | None = None


def describe_error(usecase: UseCase, step: Step, error: BaseException) -> dict[str, Any]:
    """An exception as data: its type, text and, where known, notebook, cell and line."""
    place = usecase.place_of(error) or usecase.place_of_step(step)
    by_provider = isinstance(error, ProviderError)
    code = error.code if isinstance(error, ProviderError) else "failed"
    name = ProviderError.__name__ if by_provider else type(error).__name__
    described = Described(error=code, type=name, message=_text_of(error))
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


def _text_of(error: BaseException) -> str:
    """What an exception says, as storable text, whatever its ``__str__`` does."""
    try:
        text = str(error)
    except Exception:
        return "it cannot be shown"
    return printable(text[:MESSAGE_LIMIT]).replace("\0", "\\0")


def late(seconds: float) -> dict[str, Any]:
    return {"error": "timeout", "type": "TimeoutError", "message": f"no result after {seconds:.1f} s"}
