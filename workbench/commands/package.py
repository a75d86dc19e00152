"""`artemis package` and `artemis policy`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project, format_option

if TYPE_CHECKING:
    from workbench.shipping.package import Packed


@click.command()
@click.option("--stage", required=True, help="Stage to package.")
@click.option("--out", type=click.Path(path_type=Path), default=None, help="Folder; default: .artemis/package/STAGE.")
@format_option("text", "json")
def package(stage: str, out: Path | None, form: str) -> None:
    """Package a stage for AWS Lambda: a zip and a CloudFormation template.

    The zip holds the app, chalicelib and only those packages that the stage's providers need, compiled; the same
    input gives the same bytes. It is made by the Python of the stage's runtime (artemis.runtime in
    .chalice/config.json).
    """
    from chalicelib.errors import SettingsError
    from workbench.shipping.errors import CannotShip
    from workbench.shipping.package import package as pack

    try:
        packed = pack(find_project(), stage, out)
    except (CannotShip, SettingsError) as error:
        raise CannotRun(f"stage {stage} cannot be packaged:\n{error}") from None
    click.echo(json.dumps(packed.as_dict(), indent=2) if form == "json" else _told(packed))


def _told(packed: Packed) -> str:
    """The size of each package, the largest first."""
    lines = [f"{size / 1e6:8.2f} MB  {name}" for name, size in packed.sizes.items()]
    zipped, unzipped = packed.archive.stat().st_size, sum(packed.sizes.values())
    return "\n".join(
        [
            *lines,
            f"{unzipped / 1e6:8.2f} MB  unzipped (at most 250); {packed.trimmed / 1e6:.2f} MB trimmed",
            f"{zipped / 1e6:8.2f} MB  zipped (at most 50)",
            f"zip       {packed.archive}",
            f"sha256    {packed.digest}",
            f"template  {packed.template}",
        ]
    )


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 where a policy is not what its stage needs.")
def policy(check: bool) -> None:
    """Write each deployed stage's IAM policy, from the providers and resources that it uses."""
    from chalicelib.errors import SettingsError
    from workbench.shipping.errors import CannotShip
    from workbench.shipping.policies import stale, write

    try:
        project = find_project()
        paths = stale(project) if check else write(project)
    except (CannotShip, SettingsError) as error:
        raise CannotRun(str(error)) from None
    for path in paths:
        click.echo(f"{path} {'is not what its stage needs: run `artemis policy`' if check else 'written'}")
    if check and paths:
        raise SystemExit(1)
