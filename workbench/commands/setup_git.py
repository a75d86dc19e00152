"""`artemis setup-git`."""

from __future__ import annotations

import click

from workbench.commands.common import CannotRun, find_project


@click.command("setup-git")
@click.option("--undo", is_flag=True, help="Take it back.")
def setup_git(undo: bool) -> None:
    """Set this repository's git up for notebooks.

    Notebooks are cleaned as they are committed (`artemis clean`), compared and merged cell by cell (nbdime), and
    checked before each commit (pre-commit). Only this clone's .git/ and the repository's .gitattributes are written.
    """
    from workbench import setup_git as setup
    from workbench.git import NoRepository

    project = find_project()
    try:
        done = setup.undo(project) if undo else setup.set_up(project)
    except (NoRepository, setup.NotInstalled) as error:
        raise CannotRun(str(error)) from None
    except OSError as error:
        raise CannotRun(f"a file cannot be read or written: {error.strerror}: {error.filename}") from None
    click.echo("\n".join(done))
    if not undo:
        click.echo("after a merge in chalicelib/usecases/ run `artemis build` and `git add chalicelib/usecases`")
