"""The data scientist's tool. In a notebook: ``from workbench import show, run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.live import run, show

__all__ = ["run", "show"]


def __getattr__(name: str) -> Any:
    """Loaded on first use: the command line needs none of it."""
    if name in __all__:
        from workbench import live

        return getattr(live, name)
    raise AttributeError(name)
