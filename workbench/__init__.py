"""The data scientist's tool. In a notebook: ``from workbench import show, run``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.datasets import dataset
    from workbench.exporting import exported
    from workbench.live import run, show, stage_models

__all__ = ["dataset", "exported", "run", "show", "stage_models"]
HOMES = {"dataset": "workbench.datasets", "exported": "workbench.exporting"}


def __getattr__(name: str) -> Any:
    """Loaded on first use: the command line needs none of it."""
    if name in __all__:
        return getattr(import_module(HOMES.get(name, "workbench.live")), name)
    raise AttributeError(name)
