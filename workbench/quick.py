"""Importing nbformat in a tenth of a second: it loads jsonschema, which builds a grammar that nobody here asks for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

GRAMMAR = "rfc3987_syntax"  # internationalised addresses in JSON schemas; 1.5 s where it is installed


@contextmanager
def without_grammar() -> Iterator[None]:
    """While nbformat is imported, the grammar seems not to be installed; jsonschema does without it."""
    if GRAMMAR in sys.modules:
        yield
        return
    sys.modules[GRAMMAR] = None  # type: ignore[assignment]  # what import takes for "not there"
    try:
        yield
    finally:
        del sys.modules[GRAMMAR]
