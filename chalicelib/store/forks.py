"""After a fork no connection is shared: the child forgets those of its parent, without a word to the server."""

from __future__ import annotations

import os
from typing import Any
from weakref import WeakSet

from sqlalchemy import Engine

_ENGINES: WeakSet[Any] = WeakSet()


def forget_after_fork(engine: Engine) -> None:
    """A child process opens connections of its own."""
    if not _REGISTERED:
        _REGISTERED.append(True)
        os.register_at_fork(after_in_child=_forget)
    _ENGINES.add(engine)


def _forget() -> None:
    for engine in list(_ENGINES):
        engine.dispose(close=False)


_REGISTERED: list[bool] = []
