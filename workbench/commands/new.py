"""`artemis new`."""

from __future__ import annotations

import click

from workbench.commands.common import CannotRun, find_project


@click.command()
@click.argument("name")
@click.option("--title", default=None, help="The notebook's heading; default: the name in words.")
def new(name: str, title: str | None) -> None:
    """Write usecases/NAME.ipynb: a small use case that runs, to change into yours.

    NAME in snake_case or kebab-case. An existing file is never overwritten.
    """
    from workbench.new import NotMade, new_notebook

    project = find_project()
    try:
        path = new_notebook(project, name, title)
    except NotMade as error:
        raise CannotRun(str(error)) from None
    stem = path.stem
    click.echo(f"{click.style(project.relative(path), bold=True)} is written: change it into yours")
    steps = {
        f"artemis lab {stem}": "open it",
        "artemis build": "check it, and make it a module",
        f"artemis validate {stem}": "run it, with its assertions and metrics",
        "artemis serve": f"ask it: POST /v1/use-cases/{stem.replace('_', '-')}/decisions",
    }
    width = max(map(len, steps))
    for command, purpose in steps.items():
        click.echo(f"  {command:<{width}}  {purpose}")
