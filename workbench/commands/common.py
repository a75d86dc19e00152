"""What commands share: finding the project, and saying that nothing could be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from workbench.project import Project

Command = TypeVar("Command", bound=Callable[..., Any])


def format_option(*choices: str) -> Callable[[Command], Command]:
    """The option ``--format``, given to the command as ``form``: the first choice is the default."""
    kind = click.Choice(choices)
    return click.option("--format", "form", type=kind, default=choices[0], show_default=True, help="How to report.")


def start_of(since: str) -> datetime:
    """The time that ``--since`` means. Raises click.BadParameter."""
    from workbench.costs import since_of

    try:
        return since_of(since, datetime.now(UTC))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--since") from None


class CannotRun(click.ClickException):
    """Nothing was done; the message says why and what to do."""

    exit_code = 2


def find_project() -> Project:
    """The project around the current folder. Raises CannotRun when there is none."""
    from workbench.project import Project

    try:
        return Project.find(Path.cwd())
    except FileNotFoundError as error:
        raise CannotRun(str(error)) from None


def note_stale_stage(project: Project, stage: str) -> None:
    """Say so where the stage's file no longer says what was built, and what was built decides."""
    from chalicelib.manifest import Manifest
    from workbench.once import is_stage_stale

    if is_stage_stale(project, stage, Manifest.read(project.generated)):
        click.echo(f"note: usecases/stages/{stage}.yaml has changed since it was built: run `artemis build`", err=True)


def find_use_case(project: Project, name: str) -> str:
    """A use case's name, which may be given in kebab-case. Raises CannotRun when it has no notebook."""
    import difflib

    snake = name.removesuffix(".ipynb").rpartition("/")[2].replace("-", "_")
    known = sorted(path.stem for path in project.notebooks.glob("*.ipynb"))
    if snake in known:
        return snake
    close = difflib.get_close_matches(snake, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known) or 'none'}"
    raise CannotRun(f"there is no use case {name!r}: {hint}")
