"""`artemis graph`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project

if TYPE_CHECKING:
    from chalicelib.manifest import Manifest

FORMATS = {".svg": "svg", ".json": "json"}


@click.command()
@click.argument("name", required=False)
@click.option(
    "--format", "form", type=click.Choice(["mermaid", "svg", "json"]), help="Default: by --output, or mermaid."
)
@click.option("--stage", default="local", show_default=True, help="Whose providers are shown.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file to write, instead of printing.")
def graph(name: str | None, form: str | None, stage: str, output: Path | None) -> None:
    """Draw how use cases, tasks, capabilities and models hang together; with NAME the steps of one use case.

    Shown is what `artemis build` made. Two use cases that ask the same model meet in one node, and share what was paid
    for where the stage reuses it; a dashed line is one use case's past decisions in another's task.
    """
    from chalicelib.errors import SettingsError
    from chalicelib.manifest import Manifest

    try:
        manifest = Manifest.read(find_project().generated)
    except SettingsError as error:
        raise CannotRun("; ".join(error.problems)) from None
    if stage not in manifest.stages:
        raise CannotRun(f"there is no stage {stage!r}; known: {', '.join(sorted(manifest.stages)) or 'none'}")
    form = form or FORMATS.get(output.suffix if output else "", "mermaid")
    text = _of_one(manifest, name, form) if name else _of_all(manifest, stage, form)
    if output is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise CannotRun(f"{output} cannot be written: {error.strerror}") from None


def _of_all(manifest: Manifest, stage: str, form: str) -> str:
    from workbench.landscape import as_mermaid, as_svg, landscape

    if not manifest.names:
        raise CannotRun("there is no use case: `artemis new NAME` writes one, `artemis build` builds it")
    found = landscape(manifest, stage)
    if form == "json":
        return json.dumps(found.as_dict(), ensure_ascii=False, indent=1) + "\n"
    return as_svg(found) if form == "svg" else as_mermaid(found)


def _of_one(manifest: Manifest, name: str, form: str) -> str:
    from chalicelib.calling.routing import meant
    from chalicelib.manifest import snake
    from workbench.landscape import steps, steps_mermaid, steps_svg

    name = snake(name)
    if name not in manifest.names:
        raise CannotRun(f"no built use case {name!r}; {meant(name, manifest.names)}")
    if form == "svg":
        return steps_svg(manifest, name)
    found = steps(manifest, name)
    return json.dumps(found.as_dict(), ensure_ascii=False, indent=1) + "\n" if form == "json" else steps_mermaid(found)
