"""`artemis contract`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project, find_use_case, format_option

if TYPE_CHECKING:
    from workbench.contract.guard import Review
    from workbench.project import Project


@click.group(invoke_without_command=True)
@click.option("--check", is_flag=True, help="Exit 1 on a breaking change, or when contracts/openapi.json is outdated.")
@click.option("--write", is_flag=True, help="Accept the present contract: write contracts/openapi.json.")
@click.option("--force", is_flag=True, help="With --write: accept breaking changes, too.")
@click.option("--client", type=click.Path(path_type=Path), metavar="DIR", help="Write a typed Python client into DIR.")
@format_option("text", "json", "markdown")
@click.pass_context
def contract(ctx: click.Context, check: bool, write: bool, force: bool, client: Path | None, form: str) -> None:
    """Compare what was published (contracts/openapi.json) with what is built, and guard it.

    Without options the changes are shown. With --check a breaking change exits with 1, unless the notebook's
    metadata raises the use case's contract: {"artemis": {"contract": 2}}. Its decisions are then asked for at /v2.
    """
    if ctx.invoked_subcommand:
        return
    if (check and write) or (client and (check or write)):
        raise click.UsageError("--check, --write and --client exclude each other")
    project = find_project()
    if client:
        _client(project, client)
    elif write:
        _write(project, force, form)
    else:
        review = _review(project)
        _show(review, form)
        if check and (review.failing or not review.up_to_date):
            sys.exit(1)


@contract.command()
@click.argument("name")
@click.option("--rev", default=None, help="Freeze what was built at this git revision; default: what is built now.")
def freeze(name: str, rev: str | None) -> None:
    """Keep the built module of NAME, so that its contract is served while the notebook has a higher one."""
    from workbench.contract import freeze as freezer

    project = find_project()
    name = find_use_case(project, name)
    try:
        number = freezer.freeze(project, name, rev)
    except freezer.CannotFreeze as error:
        raise CannotRun(str(error)) from None
    click.echo(f"contract {number} of {name} is kept in chalicelib/usecases/frozen/{name}_v{number}.py")
    _build(project)
    if _contract(project, name) == number:
        metadata = f'{{"artemis": {{"contract": {number + 1}}}}}'
        click.echo(f"it serves /v{number} as soon as the notebook has another contract: {metadata} in its metadata")


@contract.command()
@click.argument("name")
@click.option("--contract", "number", type=int, default=None, help="Which one; default: the only one.")
def unfreeze(name: str, number: int | None) -> None:
    """Drop a frozen contract of NAME: it is no longer served."""
    from workbench.contract import freeze as freezer

    project = find_project()
    name = name.replace("-", "_")  # its notebook may be gone
    try:
        number = freezer.unfreeze(project, name, number)
    except freezer.CannotFreeze as error:
        raise CannotRun(str(error)) from None
    click.echo(f"contract {number} of {name} is dropped")
    _build(project)


def _build(project: Project) -> None:
    """The manifest has to list what is frozen. What else is wrong with the notebooks is shown, but not ours."""
    from workbench.build import build
    from workbench.report import print_build

    report = build(project)
    if report.problems or report.changes:
        print_build(report, checked=False)


def _contract(project: Project, name: str) -> int:
    from workbench import manifest

    entry = manifest.read(project.generated / "manifest.json").use_cases.get(name, {})
    number: int = entry.get("contract", 1)
    return number


def _review(project: Project) -> Review:
    from workbench.contract import guard

    try:
        return guard.review(project)
    except guard.NoContract as error:
        raise CannotRun(str(error)) from None


def _show(review: Review, form: str) -> None:
    from workbench.contract import report

    show = {"text": report.as_text, "json": report.as_json, "markdown": report.as_markdown}[form]
    click.echo(show(review))


def _write(project: Project, force: bool, form: str) -> None:
    from workbench.contract import guard

    if force or not guard.path_of(project).exists():
        try:
            guard.accept(project, guard.present(project))
        except guard.NoContract as error:
            raise CannotRun(str(error)) from None
    else:
        review = _review(project)
        _show(replace(review, up_to_date=not review.failing), form)  # it will be
        if review.failing:
            click.echo("not written: --write takes no breaking change of a contract that was not raised", err=True)
            sys.exit(1)
        guard.accept(project, review.present)
    click.echo("contracts/openapi.json is what is built now: commit it", err=form != "text")


def _client(project: Project, folder: Path) -> None:
    from workbench.contract import guard
    from workbench.contract.client import PACKAGE, CannotWrite, write_client

    try:
        warnings = write_client(guard.present(project), folder)
    except (CannotWrite, guard.NoContract) as error:
        raise CannotRun(str(error)) from None
    if warnings:
        click.echo(warnings, err=True)
    click.echo(f"{folder}: pip install it, or put it on the path, and import {PACKAGE}")
