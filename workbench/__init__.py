"""The data scientist's tool. In a notebook: ``from workbench import show, run``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.datasets import dataset
    from workbench.exporting import exported
    from workbench.live import run, show, stage_models
    from workbench.replaying.notebook import decisions, explain, replay, sweep

__all__ = ["dataset", "decisions", "explain", "exported", "replay", "run", "show", "stage_models", "sweep"]
HOMES = {"dataset": "workbench.datasets", "exported": "workbench.exporting"}
HOMES |= dict.fromkeys(("decisions", "explain", "replay", "sweep"), "workbench.replaying.notebook")


def __getattr__(name: str) -> Any:
    """Loaded on first use: the command line needs none of it."""
    if name in __all__:
        return getattr(import_module(HOMES.get(name, "workbench.live")), name)
    raise AttributeError(name)
