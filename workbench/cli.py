"""The command line, `artemis`. Exit code 1: found something; 2: cannot run."""

from __future__ import annotations

import sys
from typing import Any

import click

from chalicelib import __version__
from workbench.commands import Commands
from workbench.commands.common import CannotRun

MINIMUM, BEYOND = (3, 11), (3, 14)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="artemis")
def main() -> None:
    """Artemis: decisions from notebooks."""
    sys.excepthook = _show
    if not MINIMUM <= sys.version_info[:2] < BEYOND:
        version = ".".join(map(str, sys.version_info[:3]))
        raise CannotRun(f"Python {version} is not supported: use 3.11, 3.12 or 3.13")


def _show(kind: type[BaseException], error: BaseException, traceback: Any) -> None:
    """What ends a command is shown with its places in notebooks."""
    from chalicelib.sourcemap import excepthook

    excepthook(kind, error, traceback)
